_base_ = [
    "../_base_/models/epropnp_det_v1_coord_regr.py",
    "../_base_/datasets/nus_mono3d_lidar.py",
    "../_base_/schedules/adamw_12e_v1.py",
    "../_base_/default_runtime.py",
]
