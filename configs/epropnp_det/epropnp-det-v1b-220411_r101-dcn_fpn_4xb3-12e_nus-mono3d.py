# Classes told apart earlier, a quarter of the pose samples, a stronger pose loss.
_base_ = "./epropnp-det-v1b-220312_r101-dcn_fpn_4xb3-12e_nus-mono3d.py"

model = dict(
    dense_head=dict(center_per_class=True),
    bbox_head=dict(class_embedding=True, loss_pose=dict(loss_weight=0.5)),
    train_cfg=dict(mc_samples=128),
)
