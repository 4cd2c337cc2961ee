# Memorise the six images of one real keyframe: shows that the whole path learns on photographs.
#
#   export NUSCENES_ROOT=<dataroot with one keyframe> NUSCENES_INFOS=<absolute folder>
#   python tools/create_data.py nuscenes --root $NUSCENES_ROOT --version v1.0-mini \
#       --out-dir $NUSCENES_INFOS
#   python tools/train.py configs/epropnp_det/epropnp-det_r18_overfit_nus-keyframe.py
_base_ = "./epropnp-det_r18_fpn_small_nus-mono3d.py"

crop = dict(type="CropTopRows", rows=_base_.top_rows)
half_size = dict(type="ResizeMono3D", scale=(800, 336))
train_dataloader = dict(
    batch_size=2,
    num_workers=1,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        pipeline=[
            _base_.load_image,
            _base_.load_annotations,
            crop,
            half_size,
            _base_.load_points,
            _base_.pack_train,
        ]
    ),
)
val_dataloader = dict(
    num_workers=1,
    dataset=dict(
        ann_file=f"{_base_.info_dir}/nuscenes_infos_train.pkl",
        pipeline=[_base_.load_image, crop, half_size, _base_.pack_test],
    ),
)
test_dataloader = val_dataloader
tta_pipeline = [_base_.load_image, crop, half_size, _base_.flip_views]

val_evaluator = dict(
    ann_file=f"{_base_.info_path}/nuscenes_infos_train.pkl",
    eval_set="mini_train",
)
test_evaluator = val_evaluator

optim_wrapper = dict(optimizer=dict(lr=4e-4))
max_iters = 600
train_cfg = dict(_delete_=True, type="IterBasedTrainLoop", max_iters=max_iters, val_interval=300)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=100),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=100, end=max_iters, eta_min=4e-6),
]
default_hooks = dict(
    logger=dict(interval=20),
    checkpoint=dict(by_epoch=False, interval=300, max_keep_ckpts=2),
)
log_processor = dict(by_epoch=False)
