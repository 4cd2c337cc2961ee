_base_ = [
    "../_base_/models/epropnp_det_v2.py",
    "../_base_/datasets/nus_mono3d_lidar.py",
    "../_base_/schedules/adamw_12e.py",
    "../_base_/default_runtime.py",
]
