# PGD as in mmdet3d's nuScenes config.
_base_ = ["./_base_/pgd.py", "./_base_/stock.py"]

channels = (_base_.size.channels,)
model = _base_.stock
model.bbox_head.update(
    # The last is of the 2D box.
    reg_branch=(channels, channels, channels, channels, (), channels),
    depth_branch=channels,
)
