# MAN TruckScenes, one item an image; read and evaluated by truckscenes-devkit. The environment
# variable TRUCKSCENES_ROOT names another dataroot. Info files:
#     python tools/create_data.py nuscenes --root data/truckscenes --version v1.2-trainval \
#         --rig configs/_base_/datasets/truckscenes_mono3d.py --info-prefix truckscenes
_base_ = "./nus_mono3d_lidar.py"

data_root = "{{$TRUCKSCENES_ROOT:data/truckscenes}}"
infos = f"{data_root}/truckscenes_infos"

# What nuScenes does not have so. The order of classes and attributes is that of the labels.
rig = dict(
    devkit="truckscenes",
    cameras=[
        "CAMERA_LEFT_FRONT",
        "CAMERA_RIGHT_FRONT",
        "CAMERA_LEFT_BACK",
        "CAMERA_RIGHT_BACK",
    ],
    lidar="LIDAR_LEFT",
    classes=[
        "car",
        "truck",
        "trailer",
        "bus",
        "other_vehicle",
        "bicycle",
        "motorcycle",
        "pedestrian",
        "traffic_cone",
        "barrier",
        "animal",
        "traffic_sign",
    ],
    attributes=[
        "cycle.with_rider",
        "cycle.without_rider",
        "pedestrian.moving",
        "pedestrian.standing",
        "pedestrian.sitting_lying_down",
        "vehicle.moving",
        "vehicle.parked",
        "vehicle.stopped",
        "traffic_sign.pole_mounted",
        "traffic_sign.overhanging",
        "traffic_sign.temporary",
    ],
    # Metres, where they are to differ from the devkit's (75 and 150, by class).
    class_range=dict(),
)

# The network sees rows 239..943 of a 1980 x 943 image.
top_rows = 239
train_pipeline = [
    _base_.load_image,
    _base_.load_annotations,
    dict(type="CropTopRows", rows=top_rows),
    dict(type="RandomFlipMono3D", prob=0.5),
    dict(type="mmdet.PhotoMetricDistortion"),
    _base_.load_points,
    _base_.pack_train,
]
test_pipeline = [_base_.load_image, dict(type="CropTopRows", rows=top_rows), _base_.pack_test]
tta_pipeline = [_base_.load_image, dict(type="CropTopRows", rows=top_rows), _base_.flip_views]

train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file="truckscenes_infos_train.pkl",
        pipeline=train_pipeline,
        rig=rig,
    )
)
val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file="truckscenes_infos_val.pkl",
        pipeline=test_pipeline,
        rig=rig,
    )
)
test_dataloader = val_dataloader
val_evaluator = dict(data_root=data_root, ann_file=f"{infos}_val.pkl")
test_evaluator = val_evaluator
