# A small network without deformable convolutions and without pretrained weights: what trains on
# a CPU: a quarter of the channels and half of the points.
_base_ = "./epropnp-det-v2_r101-dcn_fpn_4xb3-12e_nus-mono3d.py"

channels = 64
model = dict(
    backbone=dict(
        _delete_=True,
        type="mmdet.ResNet",
        depth=18,
        base_channels=32,
        num_stages=4,
        out_indices=(1, 2, 3),
        norm_cfg=dict(type="BN", requires_grad=True),
        norm_eval=False,
        style="pytorch",
    ),
    neck=dict(in_channels=[64, 128, 256], out_channels=channels),
    dense_head=dict(
        in_channels=channels,
        feat_channels=channels,
        emb_channels=channels,
        centerness_channels=32,
        stacked_convs=1,
        dcn_on_last_conv=False,
    ),
    bbox_head=dict(
        in_channels=channels,
        channels=channels,
        num_points=8,
        features=dict(level_channels=(64, 32, 32)),
        point_sampler=dict(feedforward_channels=256, dropout=0.0),
        point_transformer=dict(feedforward_channels=64, dropout=0.0),
    ),
)
