# EPro-PnP-Det v1b.
_base_ = ["./_base_/epropnp_det_v1b.py", "./_base_/ours.py"]

model = _base_.ours
