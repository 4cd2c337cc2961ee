# Twice as long.
_base_ = "./epropnp-6dof-cdpn-init_r34_1xb32-160e_lm.py"

param_scheduler = [dict(_base_.param_scheduler[0], end=320, milestones=[100, 200, 300])]
train_cfg = dict(max_epochs=320)
