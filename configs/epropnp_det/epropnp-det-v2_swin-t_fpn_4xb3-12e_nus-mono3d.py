# Another backbone needs only a config: Swin-T from mmdet in place of ResNet-101.
_base_ = "./epropnp-det-v2_r101-dcn_fpn_4xb3-12e_nus-mono3d.py"

model = dict(
    backbone=dict(
        _delete_=True,
        type="mmdet.SwinTransformer",
        embed_dims=96,
        depths=(2, 2, 6, 2),
        num_heads=(3, 6, 12, 24),
        window_size=7,
        drop_path_rate=0.2,
        out_indices=(1, 2, 3),
        convert_weights=True,
        init_cfg=dict(
            type="Pretrained",
            checkpoint="https://github.com/SwinTransformer/storage/releases/download/v1.0.0/"
            "swin_tiny_patch4_window7_224.pth",
        ),
    ),
    neck=dict(in_channels=[192, 384, 768]),
)
# As its authors train it: no decay of biases to the attention and of normalisations.
optim_wrapper = dict(
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        custom_keys={"relative_position_bias_table": dict(decay_mult=0.0)},
    )
)
