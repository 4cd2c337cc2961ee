_base_ = "./epropnp-6dof-reg-loss_r34_1xb32-160e_lm.py"

# From the weights of CDPN's first stage: tools/convert_checkpoint.py makes this file of them.
model = dict(
    backbone=dict(init_cfg=None),
    init_cfg=dict(type="Pretrained", checkpoint="checkpoints/cdpn_stage_1.pth"),
)
