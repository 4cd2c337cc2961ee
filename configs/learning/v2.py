# EPro-PnP-Det v2.
_base_ = ["../_base_/models/epropnp_det_v2.py", "./_base_/ours.py"]

model = _base_.ours
