# The model of the published config, without its data and schedule.
_base_ = []
from mmengine import Config  # noqa: E402

model = Config.fromfile(
    "{{ fileDirname }}/../../epropnp_det/epropnp-det-v1b-220411_r101-dcn_fpn_4xb3-12e_nus-mono3d.py"
).model
del Config
