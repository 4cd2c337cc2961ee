# EPro-PnP-Det v2 whose correspondences learn nothing through the pose: neither the Monte Carlo pose
# loss nor derivative regularisation, but the reprojection loss and the other auxiliary ones alone.
_base_ = "./v2.py"

model = dict(
    bbox_head=dict(
        loss_pose=dict(loss_weight=0.0),
        loss_reg_pos=dict(loss_weight=0.0),
        loss_reg_orient_weight=0.0,
    )
)
