# EPro-PnP-6DoF (arXiv 2203.13254), which reads weights otherwise.
_base_ = "./epropnp_6dof_v2.py"

model = dict(
    pose_head=dict(
        weighting="v1",
        # Small, since these weights grow large.
        loss_pose=dict(loss_weight=0.02),
        loss_reg_pos=dict(loss_weight=0.1),
        loss_reg_orient=dict(loss_weight=0.1),
    ),
)
