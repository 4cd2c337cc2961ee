# A small network on the simulated objects of tools/create_synthetic_bop.py, in data/synthetic_bop
# or where the environment variable SYNTHETIC_BOP_ROOT says: half of the resolution, a quarter of
# the channels and no pretrained weights, for a CPU.
_base_ = "./epropnp-6dof-v2-cdpn-init_r34_1xb32-160e_lm.py"

data_root = "{{$SYNTHETIC_BOP_ROOT:data/synthetic_bop}}"
input_size, map_size = 128, 32
channels = 64
model = dict(
    backbone=dict(depth=18, base_channels=32, init_cfg=None),
    coordinate_head=dict(in_channels=256, channels=channels),
    # From scratch, coordinates have to come first: with the published weights, 1 each, the
    # regularisation of poses that mean nothing yet drowns them.
    pose_head=dict(
        loss_reg_pos=dict(loss_weight=0.1),
        loss_reg_orient=dict(loss_weight=0.1),
        loss_coords=dict(loss_weight=10.0),
    ),
    train_cfg=dict(num_points=256, mc_samples=128),
    test_cfg=dict(num_proposals=32, solver_iters=10),
    init_cfg=None,
)

crop = dict(type="CropObject", size=input_size)
dataset = dict(type="BOPDataset", data_root=data_root)
train_dataloader = dict(
    num_workers=1,
    dataset=dict(
        _delete_=True,
        split="train",
        filter_cfg=dict(min_visib_fract=0.3),
        pipeline=[
            _base_.load_image,
            _base_.load_masks,
            _base_.jitter,
            crop,
            dict(type="ResolveSymmetry"),
            dict(type="RenderObjectCoords", cells=map_size),
            _base_.pack,
        ],
        **dataset,
    ),
)
val_dataloader = dict(
    num_workers=1,
    dataset=dict(
        _delete_=True,
        split="test",
        pipeline=[_base_.load_image, crop, _base_.pack],
        test_mode=True,
        **dataset,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(_delete_=True, type="BOPMetric", data_root=data_root, split="test")
test_evaluator = val_evaluator

max_epochs = 20
optim_wrapper = dict(
    _delete_=True,
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=1e-3, weight_decay=1e-4),
    clip_grad=dict(max_norm=5, norm_type=2),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=50),
    dict(
        type="CosineAnnealingLR", by_epoch=True, begin=0, end=max_epochs, convert_to_iter_based=True
    ),
]
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
default_hooks = dict(checkpoint=dict(max_keep_ckpts=2))
