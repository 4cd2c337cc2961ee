# v2 on KITTI: three classes, which have neither velocities nor attributes.
_base_ = [
    "../_base_/models/epropnp_det_v2.py",
    "../_base_/datasets/kitti_mono3d.py",
    "../_base_/schedules/adamw_12e.py",
    "../_base_/default_runtime.py",
]

num_classes = 3
model = dict(
    dense_head=dict(num_classes=num_classes),
    bbox_head=dict(
        num_classes=num_classes,
        num_attrs=0,
        pred_velocity=False,
        # Of (l, h, w): the sizes of mmdet3d's KITTI anchors, and nuScenes' deviations, which only
        # scale the code.
        dim_coder=dict(
            means=[(0.8, 1.73, 0.6), (1.76, 1.73, 0.6), (3.9, 1.56, 1.6)],
            stds=[(0.19, 0.19, 0.14), (0.33, 0.29, 0.17), (0.46, 0.24, 0.16)],
        ),
    ),
)
