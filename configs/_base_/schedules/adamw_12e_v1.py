# As v2, with the steps of v1.
_base_ = "./adamw_12e.py"

param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], milestones=[10, 11]),
]
