# RMSprop, 160 epochs, 32 crops a step.
optim_wrapper = dict(
    type="OptimWrapper", optimizer=dict(type="RMSprop", lr=1e-4, alpha=0.99, eps=1e-8)
)
param_scheduler = [
    dict(type="MultiStepLR", by_epoch=True, begin=0, end=160, milestones=[50, 100, 150], gamma=0.1)
]
train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=160, val_interval=10)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
auto_scale_lr = dict(enable=False, base_batch_size=32)
