# The model of mmdet3d's nuScenes config, without its data and schedule.
_base_ = []
from mmengine.hub import get_config  # noqa: E402

model = get_config("mmdet3d::pgd/pgd_r101-caffe_fpn_head-gn_16xb2-1x_nus-mono3d.py").model
del get_config
