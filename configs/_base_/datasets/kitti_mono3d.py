# KITTI, the left colour image. The environment variable KITTI_ROOT names another folder.
data_root = "{{$KITTI_ROOT:data/kitti}}"
metainfo = dict(classes=("Pedestrian", "Cyclist", "Car"))

load_image = dict(type="LoadImageFromFileMono3D")
load_annotations = dict(
    type="LoadAnnotations3D",
    with_bbox=True,
    with_label=True,
    with_bbox_3d=True,
    with_label_3d=True,
    with_bbox_depth=True,
)
load_points = dict(type="LoadCameraLidarPoints", load_dim=4)
pack_train = dict(
    type="Pack3DDetInputs",
    keys=[
        "img",
        "gt_bboxes",
        "gt_bboxes_labels",
        "gt_bboxes_3d",
        "gt_labels_3d",
        "centers_2d",
        "depths",
        "points",
    ],
)
train_pipeline = [
    load_image,
    load_annotations,
    dict(type="RandomFlipMono3D", prob=0.5),
    dict(type="mmdet.PhotoMetricDistortion"),
    load_points,
    pack_train,
]
pack_test = dict(type="Pack3DDetInputs", keys=["img"])
test_pipeline = [load_image, pack_test]

# Test-time augmentation: the image and its mirror image.
flip_views = dict(
    type="TestTimeAug",
    transforms=[[dict(type="RandomFlipMono3D", prob=p) for p in (0.0, 1.0)], [pack_test]],
)
tta_pipeline = [load_image, flip_views]
tta_model = dict(type="EProPnPTTA")

train_dataloader = dict(
    batch_size=3,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(
        type="KittiMonoDataset",
        data_root=data_root,
        ann_file="kitti_infos_train.pkl",
        metainfo=metainfo,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="KittiMonoDataset",
        data_root=data_root,
        ann_file="kitti_infos_val.pkl",
        metainfo=metainfo,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type="KittiMonoMetric", ann_file=f"{data_root}/kitti_infos_val.pkl")
test_evaluator = val_evaluator
