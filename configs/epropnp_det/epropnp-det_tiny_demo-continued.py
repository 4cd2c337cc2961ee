# The shipped network, continued on other cameras than it knows: what one does on own data.
_base_ = "./epropnp-det_tiny_demo.py"

# Its weights alone: schedule and optimizer start anew, which --resume would not do.
load_from = "{{ fileDirname }}/../../checkpoints/epropnp-det_r18_synthetic.pth"

# Less than the 1.5e-3 of a training from nothing, which would undo what the weights know.
max_epochs = 5
optim_wrapper = dict(optimizer=dict(lr=1e-3))
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=20),
    dict(
        type="CosineAnnealingLR", by_epoch=True, begin=0, end=max_epochs, convert_to_iter_based=True
    ),
]
