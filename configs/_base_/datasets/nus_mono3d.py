# nuScenes, one item an image. The environment variable NUSCENES_ROOT names another dataroot,
# NUSCENES_INFOS the folder of the info files (absolute, or relative to the dataroot).
data_root = "{{$NUSCENES_ROOT:data/nuscenes}}"
info_dir = "{{$NUSCENES_INFOS:.}}"
info_path = info_dir if info_dir.startswith("/") else f"{data_root}/{info_dir}"
input_modality = dict(use_lidar=False, use_camera=True)

# The network sees rows 228..900 of a 1600 x 900 image.
top_rows = 228

load_image = dict(type="LoadImageFromFileMono3D")
load_annotations = dict(
    type="LoadAnnotations3D",
    with_bbox=True,
    with_label=True,
    with_attr_label=True,
    with_bbox_3d=True,
    with_label_3d=True,
    with_bbox_depth=True,
)
pack_train = dict(
    type="Pack3DDetInputs",
    keys=[
        "img",
        "gt_bboxes",
        "gt_bboxes_labels",
        "attr_labels",
        "gt_bboxes_3d",
        "gt_labels_3d",
        "centers_2d",
        "depths",
    ],
)
train_pipeline = [
    load_image,
    load_annotations,
    dict(type="CropTopRows", rows=top_rows),
    dict(type="RandomFlipMono3D", prob=0.5),
    dict(type="mmdet.PhotoMetricDistortion"),
    pack_train,
]
pack_test = dict(type="Pack3DDetInputs", keys=["img"])
test_pipeline = [load_image, dict(type="CropTopRows", rows=top_rows), pack_test]

# Test-time augmentation: the image and its mirror image.
flip_views = dict(
    type="TestTimeAug",
    transforms=[[dict(type="RandomFlipMono3D", prob=p) for p in (0.0, 1.0)], [pack_test]],
)
tta_pipeline = [load_image, dict(type="CropTopRows", rows=top_rows), flip_views]
tta_model = dict(type="EProPnPTTA")

train_dataloader = dict(
    batch_size=3,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(
        type="NuScenesMonoDataset",
        data_root=data_root,
        ann_file=f"{info_dir}/nuscenes_infos_train.pkl",
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="NuScenesMonoDataset",
        data_root=data_root,
        ann_file=f"{info_dir}/nuscenes_infos_val.pkl",
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(
    type="NuScenesMonoMetric",
    data_root=data_root,
    ann_file=f"{info_path}/nuscenes_infos_val.pkl",
    modality=input_modality,
    nms_thr=0.25,
)
test_evaluator = val_evaluator
