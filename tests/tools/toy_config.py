custom_imports = dict(imports=["epropnp_det", "toy_task"], allow_failed_imports=False)
default_scope = "mmdet3d"
randomness = dict(seed=0)

model = dict(type="ToyModel")
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    collate_fn=dict(type="default_collate"),
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(type="ToyDataset", data_root=".", ann_file=""),
)
val_dataloader = dict(
    batch_size=2,
    num_workers=0,
    collate_fn=dict(type="default_collate"),
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(type="ToyDataset"),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="ToyMetric")
test_evaluator = val_evaluator

optim_wrapper = dict(optimizer=dict(type="SGD", lr=0.05, momentum=0.9))
param_scheduler = dict(type="MultiStepLR", milestones=[2])
train_cfg = dict(by_epoch=True, max_epochs=3)
val_cfg = dict()
test_cfg = dict()
default_hooks = dict(
    checkpoint=dict(type="CheckpointHook", interval=1), logger=dict(type="LoggerHook", interval=1)
)
