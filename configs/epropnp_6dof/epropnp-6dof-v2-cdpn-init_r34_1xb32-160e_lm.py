_base_ = [
    "../_base_/models/epropnp_6dof_v2.py",
    "../_base_/datasets/lm_bop.py",
    "../_base_/schedules/rmsprop_160e.py",
    "../_base_/default_runtime.py",
]

# From the weights of CDPN's first stage: tools/convert_checkpoint.py makes this file of them.
model = dict(
    backbone=dict(init_cfg=None),
    init_cfg=dict(type="Pretrained", checkpoint="checkpoints/cdpn_stage_1.pth"),
)
