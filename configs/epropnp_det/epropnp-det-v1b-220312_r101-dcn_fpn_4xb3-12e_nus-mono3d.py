# Half the resolution and half the points: faster, and no worse.
_base_ = "./epropnp-det-coord-regr_r101-dcn_fpn_4xb3-12e_nus-mono3d.py"

model = dict(
    backbone=dict(out_indices=(1, 2, 3)),
    neck=dict(in_channels=[512, 1024, 2048], num_outs=5),
    dense_head=dict(start_level=0),
    bbox_head=dict(
        num_points=16,
        features=dict(stride=8, num_levels=3),
        auxiliary=dict(region_size=14),
    ),
)
