_base_ = [
    "../_base_/models/epropnp_6dof_v1.py",
    "../_base_/datasets/lm_bop.py",
    "../_base_/schedules/rmsprop_160e.py",
    "../_base_/default_runtime.py",
]

model = dict(pose_head=dict(loss_reg_pos=None, loss_reg_orient=None))
