# nuScenes with the LiDAR points that each image shows, for losses that learn from them.
_base_ = "./nus_mono3d.py"

load_points = dict(type="LoadCameraLidarPoints")
pack_train = dict(keys=[*_base_.pack_train["keys"], "points"])
train_pipeline = [
    *_base_.train_pipeline[:-1],
    load_points,
    dict(_base_.train_pipeline[-1], **pack_train),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
