# Training on all annotated scenes; of the test split only the submission is written.
_base_ = "./nus_mono3d_lidar.py"

train_split = dict(_base_.train_dataloader.dataset)
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="ConcatDataset",
        datasets=[
            train_split,
            dict(train_split, ann_file=f"{_base_.info_dir}/nuscenes_infos_val.pkl"),
        ],
    )
)
val_dataloader = None
val_evaluator = None

test_dataloader = dict(dataset=dict(ann_file=f"{_base_.info_dir}/nuscenes_infos_test.pkl"))
test_evaluator = dict(
    ann_file=f"{_base_.info_path}/nuscenes_infos_test.pkl",
    format_only=True,
    jsonfile_prefix="work_dirs/nuscenes_test",
)
