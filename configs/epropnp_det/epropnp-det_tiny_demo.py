# The small network on simulated streets of 400 x 224 pixels, from nothing: 17 minutes for 240
# images on two CPU cores, on an earlier revision. `make demo` takes tiny_demo-continued.
_base_ = "./epropnp-det_r18_fpn_small_nus-mono3d.py"

data_root = "work_dirs/demo/data"
# Images are 400 x 224: a quarter of nuScenes', and so are the rows without objects at the top.
crop = dict(type="CropTopRows", rows=56)
train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(
        data_root=data_root,
        ann_file="nuscenes_infos_train.pkl",
        pipeline=[
            _base_.load_image,
            _base_.load_annotations,
            crop,
            dict(type="RandomFlipMono3D", prob=0.5),
            _base_.load_points,
            _base_.pack_train,
        ],
    ),
)
val_dataloader = dict(
    num_workers=1,
    dataset=dict(
        data_root=data_root,
        ann_file="nuscenes_infos_val.pkl",
        pipeline=[_base_.load_image, crop, _base_.pack_test],
    ),
)
test_dataloader = val_dataloader
tta_pipeline = [_base_.load_image, crop, _base_.flip_views]

val_evaluator = dict(data_root=data_root, ann_file=f"{data_root}/nuscenes_infos_val.pkl")
test_evaluator = val_evaluator

# Levels for objects that are four times smaller, and fewer of them a step.
model = dict(
    train_cfg=dict(samples_per_img=16),
    dense_head=dict(
        assigner=dict(
            type="CenterPointAssigner",
            regress_ranges=((-1, 24), (24, 48), (48, 96), (96, 192), (192, 1e8)),
        )
    ),
)

max_epochs = 20
optim_wrapper = dict(optimizer=dict(lr=1.5e-3))
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=50),
    dict(
        type="CosineAnnealingLR", by_epoch=True, begin=0, end=max_epochs, convert_to_iter_based=True
    ),
]
default_hooks = dict(logger=dict(interval=12), checkpoint=dict(max_keep_ckpts=2))
