# v1 that also learns object coordinates from LiDAR points.
_base_ = "./epropnp_det_v1.py"

model = dict(
    bbox_head=dict(
        auxiliary=dict(loss_regr=dict(type="CoordinateSmoothL1Loss", beta=0.05, loss_weight=0.25))
    )
)
