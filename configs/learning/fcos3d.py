# FCOS3D as in mmdet3d.
_base_ = ["mmdet3d::_base_/models/fcos3d.py", "./_base_/stock.py"]

model = _base_.stock
