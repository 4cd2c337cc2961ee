# v2 on MAN TruckScenes: four cameras, twelve classes, eleven attributes.
_base_ = [
    "../_base_/models/epropnp_det_v2.py",
    "../_base_/datasets/truckscenes_mono3d.py",
    "../_base_/schedules/adamw_12e.py",
    "../_base_/default_runtime.py",
]

num_classes = 12
# Of (l, h, w). nuScenes' for the classes that both have and for its construction vehicles; those of
# animals and traffic signs are rough, and only scale the code.
means = [*_base_.model.bbox_head.dim_coder.means, (1.20, 0.95, 0.40), (0.12, 1.00, 0.75)]
stds = [*_base_.model.bbox_head.dim_coder.stds, (0.50, 0.40, 0.20), (0.08, 0.50, 0.30)]
model = dict(
    dense_head=dict(num_classes=num_classes),
    bbox_head=dict(
        num_classes=num_classes,
        num_attrs=12,
        dim_coder=dict(means=means, stds=stds),
    ),
)
