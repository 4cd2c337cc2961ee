# The small network on the data of make_toy_data.py: two classes of its own, one camera, no LiDAR.
#
#   PYTHONPATH=examples/custom_data python tools/train.py examples/custom_data/config.py
_base_ = "../../configs/epropnp_det/epropnp-det_r18_fpn_small_nus-mono3d.py"

custom_imports = dict(imports=["epropnp_det", "epropnp_det.plugin", "yard_dataset"])
classes = 2

# The network sees the rows below the sky.
crop = dict(type="CropTopRows", rows=32)
train_pipeline = [
    _base_.load_image,
    _base_.load_annotations,
    crop,
    dict(type="RandomFlipMono3D", prob=0.5),
    _base_.pack_train,
]
train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(
        _delete_=True,
        type="YardDataset",
        data_root="data/yard",
        ann_file="infos_train.pkl",
        data_prefix=dict(CAM=""),
        pipeline=train_pipeline,
    ),
)
# nuScenes' metric knows nuScenes' classes alone: nothing is validated.
val_dataloader = None
val_evaluator = None
val_cfg = None
# What inference does to an image.
test_dataloader = dict(dataset=dict(pipeline=[_base_.load_image, crop, _base_.pack_test]))

model = dict(
    train_cfg=dict(samples_per_img=16),
    dense_head=dict(num_classes=classes),
    bbox_head=dict(
        num_classes=classes,
        # What convert.py prints: (length, height, width) of each class.
        dim_coder=dict(
            means=[(2.43, 2.11, 1.2), (1.2, 0.9, 0.8)],
            stds=[(0.12, 0.1, 0.06), (0.06, 0.04, 0.04)],
        ),
        # These learn from LiDAR points.
        auxiliary=dict(loss_regr=None, loss_depth=None),
    ),
)

max_epochs = 12
optim_wrapper = dict(optimizer=dict(lr=4e-4))
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=10),
    dict(type="CosineAnnealingLR", by_epoch=True, begin=0, end=max_epochs),
]
