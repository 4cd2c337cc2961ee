# Nothing tells the network what coordinates to choose: of the models their sizes alone are read.
_base_ = [
    "../_base_/models/epropnp_6dof_v2.py",
    "../_base_/datasets/lm_bop.py",
    "../_base_/schedules/rmsprop_160e.py",
    "../_base_/default_runtime.py",
]

model = dict(pose_head=dict(loss_coords=None))

real, rendered = _base_.train_dataloader.dataset.datasets
train_dataloader = dict(
    dataset=dict(
        datasets=[
            dict(real, pipeline=[step for step in real.pipeline if step != _base_.render]),
            dict(rendered, pipeline=[step for step in rendered.pipeline if step != _base_.render]),
        ]
    )
)
