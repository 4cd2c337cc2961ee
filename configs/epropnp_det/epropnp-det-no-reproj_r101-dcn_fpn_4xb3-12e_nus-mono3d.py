# What the reprojection loss is good for: the basic model without it.
_base_ = "./epropnp-det-basic_r101-dcn_fpn_4xb3-12e_nus-mono3d.py"

model = dict(bbox_head=dict(auxiliary=None))
