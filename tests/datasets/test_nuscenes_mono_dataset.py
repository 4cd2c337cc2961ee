import pickle
from pathlib import Path

import mmdet3d
import numpy as np
import pytest
import torch
from mmdet3d.models import Det3DDataPreprocessor
from mmdet3d.registry import DATASETS, MODELS
from mmdet3d.utils import register_all_modules
from mmengine import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope

import epropnp_det.models  # noqa: F401  registers the modules
from epropnp_det.datasets import NuScenesMonoDataset, create_nuscenes_infos
from epropnp_det.errors import UserError

FCOS3D = "fcos3d/fcos3d_r101-caffe-dcn_fpn_head-gn_8xb2-1x_nus-mono3d.py"


@pytest.fixture(autouse=True)
def scope():
    register_all_modules(init_default_scope=False)
    init_default_scope("mmdet3d")


@pytest.fixture
def fake_infos(fake_root) -> Path:
    create_nuscenes_infos(fake_root, "v1.0-mini")
    return fake_root / "nuscenes_infos_train.pkl"


def _as_stock(path: Path, out: Path) -> Path:
    """The info file without our extras, and as the stock converter marks every box."""
    content = pickle.loads(path.read_bytes())
    for frame in content["data_list"]:
        del frame["lidar_points"]["ego2global"]
        for image in frame["images"].values():
            del image["ego2global"]
        for x in (x for boxes in frame["cam_instances"].values() for x in boxes):
            for key in ("visibility", "truncation", "num_lidar_pts", "num_radar_pts"):
                del x[key]
            del x["instance_token"], x["ann_token"]
            x["bbox_3d_isvalid"] = True
    out.write_bytes(pickle.dumps(content))
    return out


def _stock_config(split: str, root: Path, ann_file: Path) -> dict:
    config = Config.fromfile(Path(mmdet3d.__file__).parent / ".mim" / "configs" / FCOS3D)
    dataset = config[f"{split}_dataloader"]["dataset"]
    dataset.update(data_root=str(root), ann_file=str(ann_file))
    return dataset


@pytest.mark.parametrize("name", ["NuScenesDataset", "NuScenesMonoDataset"])
def test_stock_fcos3d_config_loads_the_keyframe(keyframe_root, keyframe_infos, name):
    train = DATASETS.build({**_stock_config("train", keyframe_root, keyframe_infos), "type": name})
    assert len(train) == 6
    item = train[0]
    assert item["inputs"]["img"].shape == (3, 900, 1600)
    truth = item["data_samples"].gt_instances_3d
    assert len(truth) == len(item["data_samples"].gt_instances) == 45
    velocity = truth.bboxes_3d.tensor[:, 7:]
    assert (velocity == 0).all() if name == "NuScenesDataset" else velocity.isnan().all()

    test = DATASETS.build({**_stock_config("test", keyframe_root, keyframe_infos), "type": name})
    sample = test[5]["data_samples"]
    assert sample.sample_idx == 5
    assert len(sample.eval_ann_info["gt_labels_3d"]) == 5


def test_stock_lidar_pipeline_loads_the_fake_dataroot(fake_root, fake_infos):
    dataset = DATASETS.build(
        {
            "type": "NuScenesDataset",
            "data_root": str(fake_root),
            "ann_file": str(fake_infos),
            "data_prefix": {"pts": "samples/LIDAR_TOP", "img": "", "sweeps": "sweeps/LIDAR_TOP"},
            "pipeline": [
                {
                    "type": "LoadPointsFromFile",
                    "coord_type": "LIDAR",
                    "load_dim": 5,
                    "use_dim": 5,
                },
                {"type": "LoadPointsFromMultiSweeps", "sweeps_num": 10},
                {"type": "LoadAnnotations3D"},
                {"type": "Pack3DDetInputs", "keys": ["points", "gt_bboxes_3d", "gt_labels_3d"]},
            ],
            "filter_empty_gt": False,
        }
    )
    # Two points in the keyframe, two in its one sweep.
    assert [item["inputs"]["points"].shape for item in dataset] == [(2, 4), (4, 4)]
    boxes = dataset[0]["data_samples"].gt_instances_3d
    assert boxes.labels_3d.tolist() == [0, -1]
    # The car is 15 m ahead of the vehicle, the LiDAR 1 m ahead and 1.6 m up.
    assert boxes.bboxes_3d.gravity_center[0].tolist() == pytest.approx([0, 14, -0.85], abs=1e-5)


def _mono(root, ann_file, **kwargs) -> NuScenesMonoDataset:
    return NuScenesMonoDataset(data_root=str(root), ann_file=str(ann_file), **kwargs)


@pytest.fixture
def train_pipeline(repo_root):
    """Function that gives the shipped training pipeline with some arguments replaced."""
    path = repo_root / "configs/_base_/datasets/nus_mono3d_lidar.py"
    shipped = Config.fromfile(path).train_pipeline

    def make(**replaced) -> list[dict]:
        assert replaced.keys() <= {step["type"] for step in shipped}
        return [{**step, **replaced.get(step["type"], {})} for step in shipped]

    return make


def test_train_item_of_the_shipped_pipeline(keyframe_root, keyframe_infos, train_pipeline):
    pipeline = train_pipeline(RandomFlipMono3D={"prob": 1.0})
    dataset = _mono(keyframe_root, keyframe_infos, pipeline=pipeline)
    item = dataset[0]
    sample = item["data_samples"]
    assert item["inputs"]["img"].shape == (3, 672, 1600)
    assert sample.img_shape == (672, 1600)
    assert sample.ori_shape == (900, 1600)
    assert sample.flip is True
    # The packed camera is the edited one.
    raw = dataset.get_data_info(0)["images"]["CAM_FRONT"]["cam2img"]
    assert np.array_equal(sample.ori_cam2img, raw)
    expected = [
        [raw[0, 0], 0, 1600 - raw[0, 2]],
        [0, raw[1, 1], raw[1, 2] - 228],
        [0, 0, 1],
    ]
    assert sample.cam2img == pytest.approx(np.array(expected))
    assert sample.cam2img.shape == (3, 3)

    truth, flat = sample.gt_instances_3d, sample.gt_instances
    assert len(truth) == len(flat) == len(truth.attr_labels) == len(truth.depths)
    camera = torch.from_numpy(sample.cam2img).float()
    pixels = truth.bboxes_3d.gravity_center @ camera.T
    assert torch.allclose(pixels[:, :2] / pixels[:, 2:], truth.centers_2d, atol=2e-3)
    assert torch.allclose(pixels[:, 2], truth.depths, atol=1e-4)
    assert truth.bboxes_3d.tensor[:, 7:].isnan().all()


def test_images_without_objects_are_kept_and_well_shaped(fake_root, fake_infos, train_pipeline):
    dataset = _mono(fake_root, fake_infos, pipeline=train_pipeline(CropTopRows={"rows": 6}))
    assert len(dataset) == 12
    # The back camera sees nothing; the front camera of the first frame sees one valid car.
    for index, count in ((3, 0), (0, 1)):
        item = dataset[index]
        truth, flat = item["data_samples"].gt_instances_3d, item["data_samples"].gt_instances
        assert item["data_samples"].sample_idx == index
        assert truth.bboxes_3d.tensor.shape == (count, 9)
        assert truth.labels_3d.shape == truth.attr_labels.shape == truth.depths.shape == (count,)
        assert truth.centers_2d.shape == (count, 2)
        assert flat.bboxes.shape == (count, 4)
        assert flat.labels.shape == (count,)
        assert truth.labels_3d.dtype == flat.labels.dtype == truth.attr_labels.dtype == torch.int64


# A batch without any object, and one in which an image has none.
@pytest.mark.parametrize("indices", [[3, 9], [0, 3]])
def test_loss_of_images_without_objects_is_finite(
    fake_root, fake_infos, train_pipeline, repo_root, indices
):
    dataset = _mono(fake_root, fake_infos, pipeline=train_pipeline(CropTopRows={"rows": 6}))
    batch = pseudo_collate([dataset[i] for i in indices])
    assert len(batch["data_samples"][-1].gt_instances_3d) == 0
    path = repo_root / "configs/epropnp_det/epropnp-det_r18_fpn_small_nus-mono3d.py"
    model = MODELS.build(Config.fromfile(path).model)
    model.init_weights()
    assert isinstance(model.data_preprocessor, Det3DDataPreprocessor)
    losses = model(**model.data_preprocessor(batch, training=True), mode="loss")
    total, _ = model.parse_losses(losses)
    assert total.isfinite() and total > 0


def test_known_velocity_stays(fake_root, fake_infos):
    boxes = _mono(fake_root, fake_infos, use_valid_flag=True).get_ann_info(0)["gt_bboxes_3d"]
    expected = [-2 * np.sin(0.002), 2 * np.cos(0.002)]
    assert boxes.tensor[0, 7:].tolist() == pytest.approx(expected, abs=1e-6)


def test_filters(fake_root, fake_infos, tmp_path):
    def labels(path=fake_infos, **kwargs):
        return _mono(fake_root, path, **kwargs).get_ann_info(0)["gt_labels_3d"].tolist()

    assert labels() == labels(use_valid_flag=False) == labels(min_visibility=4) == [0]
    assert labels(metainfo={"classes": ["pedestrian"]}) == []
    content = pickle.loads(fake_infos.read_bytes())
    for x in content["data_list"][0]["cam_instances"]["CAM_FRONT"]:
        x.update(num_radar_pts=1, bbox_3d_isvalid=True)
        x["visibility"] = min(x["visibility"], 2)
    edited = tmp_path / "edited.pkl"
    edited.write_bytes(pickle.dumps(content))
    assert labels(edited) == [0, 7]
    assert labels(edited, use_valid_flag=False) == [0]
    # Unknown visibility stays.
    assert labels(edited, min_visibility=3) == [7]
    assert labels(edited, metainfo={"classes": ["pedestrian"]}) == [0]


@pytest.mark.parametrize("level", [-1, 5])
def test_no_such_visibility(fake_root, fake_infos, level):
    with pytest.raises(UserError, match=f"min_visibility is {level}: give a level from 1 to 4"):
        _mono(fake_root, fake_infos, min_visibility=level)


def test_stock_info_file(fake_root, fake_infos, tmp_path):
    stock = _as_stock(fake_infos, tmp_path / "stock.pkl")
    pipeline = [
        {"type": "LoadImageFromFileMono3D"},
        {"type": "LoadCameraLidarPoints"},
        {"type": "Pack3DDetInputs", "keys": ["points"]},
    ]
    ours = _mono(fake_root, fake_infos, pipeline=pipeline, min_visibility=2)
    theirs = _mono(fake_root, stock, pipeline=pipeline, min_visibility=2)
    assert len(theirs) == len(ours) == 12
    assert theirs.get_data_info(0)["lidar_points"]["ego2global"] is not None
    assert torch.equal(theirs[0]["inputs"]["points"], ours[0]["inputs"]["points"])
    # There the box without a point counts as valid.
    assert theirs.get_ann_info(0)["gt_labels_3d"].tolist() == [0, 7]
    with pytest.raises(UserError, match="no LiDAR point counts"):
        _mono(fake_root, stock, use_valid_flag=False)


def test_sample_idx_survives_a_subset(fake_root, fake_infos):
    dataset = _mono(fake_root, fake_infos, indices=[7, 9])
    assert [dataset.get_data_info(i)["sample_idx"] for i in range(2)] == [7, 9]


def test_lidar_file_is_there_for_any_modality(fake_root, fake_infos):
    for use_lidar in (False, True):
        dataset = _mono(
            fake_root, fake_infos, modality={"use_camera": True, "use_lidar": use_lidar}
        )
        item = dataset.get_data_info(11)
        assert Path(item["lidar_points"]["lidar_path"]).is_file()
        assert Path(item["images"]["CAM_BACK_RIGHT"]["img_path"]).is_file()
        ego2global = item["images"]["CAM_BACK_RIGHT"]["ego2global"]
        assert ego2global != item["lidar_points"]["ego2global"] == item["ego2global"]


def test_version(fake_root, fake_infos):
    assert _mono(fake_root, fake_infos).metainfo["version"] == "v1.0-mini"
    same = _mono(fake_root, fake_infos, metainfo={"version": "v1.0-mini"})
    assert same.metainfo["version"] == "v1.0-mini"
    with pytest.raises(UserError, match="is of v1.0-mini but the config asks for v1.0-trainval"):
        _mono(fake_root, fake_infos, metainfo={"version": "v1.0-trainval"})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not readable"),
        (b"garbage", "not readable"),
        (b"cno_such_module\nThing\n.", "not readable.*no_such_module"),
        (b"cpickle\nNoSuchClass\n.", "not readable.*NoSuchClass"),
        (pickle.dumps({"infos": [], "metadata": {}}), "not in mmdet3d v2 format"),
        (pickle.dumps([1]), "not in mmdet3d v2 format"),
        (pickle.dumps({"metainfo": {}, "data_list": []}), "holds no frame"),
        (None, "does not exist"),
    ],
)
def test_bad_info_file(fake_root, content, message):
    path = fake_root / "bad.pkl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=rf"bad\.pkl.*{message}"):
        _mono(fake_root, "bad.pkl")


def test_bad_data_root(tmp_path, fake_infos):
    with pytest.raises(UserError, match="nowhere is not a folder"):
        _mono(tmp_path / "nowhere", fake_infos)


def test_sweeps_in_folders_of_ones_own(fake_root, fake_infos, tmp_path):
    content = pickle.loads(fake_infos.read_bytes())
    content["data_list"][0]["lidar_points"]["lidar_path"] = "monday/0.bin"
    path = tmp_path / "own.pkl"
    path.write_bytes(pickle.dumps(content))
    data = _mono(fake_root, path, data_prefix={"pts": "lidar"})
    found = data.get_data_info(0)["lidar_points"]["lidar_path"]
    assert found == f"{fake_root}/lidar/monday/0.bin"
