# EPro-PnP-Det v1 (arXiv 2203.13254): features at stride 4, twice the points, and neither class
# embedding nor a reference point per class.
_base_ = "./epropnp_det_v2.py"

model = dict(
    backbone=dict(out_indices=(0, 1, 2, 3)),
    neck=dict(in_channels=[256, 512, 1024, 2048], num_outs=6),
    # Objects are found at strides 8..128; the finest level only serves their points.
    dense_head=dict(start_level=1, center_per_class=False, loss_bbox=None),
    bbox_head=dict(
        num_points=32,
        class_embedding=False,
        features=dict(stride=4, num_levels=4),
        point_sampler=dict(clamp=True),
        loss_pose=dict(loss_weight=0.15),
        auxiliary=dict(
            _delete_=True,
            type="AuxiliaryHead",
            region_size=28,
            loss_proj=dict(type="MixtureNLLLoss", loss_weight=0.5),
        ),
    ),
    train_cfg=dict(mc_samples=512),
)
