# What all detectors of benchmarks/learning.py share: data, backbone, schedule and evaluation. The
# environment variable LEARNING_SIZE names the size, LEARNING_EPOCHS another length, NUSCENES_ROOT
# the dataset.
_base_ = [
    "../../_base_/datasets/nus_mono3d_lidar.py",
    "../../_base_/schedules/adamw_12e.py",
    "../../_base_/default_runtime.py",
]

size = dict(
    small=dict(  # images of 400 x 224
        top_rows=56,
        batch_size=4,
        num_workers=1,
        backbone=dict(depth=18, base_channels=32),
        level_channels=[64, 128, 256],
        channels=64,
        # A CPU takes several times longer for a deformable convolution than for a plain one.
        deformable=False,
        ours=dict(
            dense_head=dict(centerness_channels=32, stacked_convs=1),
            bbox_head=dict(
                num_points=8,
                features=dict(level_channels=(64, 32, 32)),
                point_sampler=dict(feedforward_channels=256, dropout=0.0),
                point_transformer=dict(feedforward_channels=64, dropout=0.0),
            ),
            train_cfg=dict(samples_per_img=16),
        ),
    ),
    full=dict(  # images of 800 x 448
        top_rows=112,
        batch_size=16,
        num_workers=8,
        backbone=dict(depth=50, base_channels=64),
        level_channels=[512, 1024, 2048],
        channels=256,
        deformable=True,
        ours=dict(),
    ),
)["{{$LEARNING_SIZE:small}}"]

max_epochs = int("{{$LEARNING_EPOCHS:6}}")
optim_wrapper = dict(optimizer=dict(lr=1.5e-3))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=50),
    dict(
        type="CosineAnnealingLR", by_epoch=True, begin=0, end=max_epochs, convert_to_iter_based=True
    ),
]
train_cfg = dict(max_epochs=max_epochs, val_interval=2)
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(max_keep_ckpts=1))
# Time of an iteration is judged by its median.
log_processor = dict(window_size=10)

crop = dict(type="CropTopRows", rows=size["top_rows"])
flip = dict(type="RandomFlipMono3D", prob=0.5)
train_dataloader = dict(
    batch_size=size["batch_size"],
    num_workers=size["num_workers"],
    dataset=dict(
        pipeline=[
            _base_.load_image,
            _base_.load_annotations,
            crop,
            flip,
            _base_.load_points,
            _base_.pack_train,
        ],
    ),
)
val_dataloader = dict(
    num_workers=1, dataset=dict(pipeline=[_base_.load_image, crop, _base_.pack_test])
)
test_dataloader = val_dataloader
tta_pipeline = [_base_.load_image, crop, _base_.flip_views]

data_preprocessor = dict(
    type="Det3DDataPreprocessor",
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    pad_size_divisor=32,
)
backbone = dict(
    _delete_=True,
    type="mmdet.ResNet",
    num_stages=4,
    out_indices=(1, 2, 3),
    norm_cfg=dict(type="BN", requires_grad=True),
    norm_eval=False,
    style="pytorch",
    **size["backbone"],
)
neck = dict(
    _delete_=True,
    type="mmdet.FPN",
    in_channels=size["level_channels"],
    out_channels=size["channels"],
    num_outs=5,
    add_extra_convs="on_output",
    relu_before_extra_convs=True,
)
# Objects are smaller than in nuScenes' images, and so are the bounds between the levels.
regress_ranges = ((-1, 24), (24, 48), (48, 96), (96, 192), (192, 1e8))
