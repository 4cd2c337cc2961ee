"""A tiny data set in BOP's format: a box that looks alike after half a turn, and an oblique one."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from epropnp_det.evaluation.bop import Estimates, Poses

WIDTH, HEIGHT = 80, 60
CAM2IMG = np.array([[100, 0, 40.0], [0, 100, 30.0], [0, 0, 1]])
HALF_TURN = [-1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
# Half of the sides of each box, mm.
SIZES = {1: (20.0, 30.0, 40.0), 7: (25.0, 25.0, 25.0)}
# Per scene and image: object, rotation vector, translation in mm, visible fraction.
SCENES = {
    2: {
        0: [(1, (0.3, 0.2, 0.1), (10, 5, 600), 0.9), (7, (0, 0, 0), (0, 0, 500), 1.0)],
        4: [(7, (0.1, 0.5, 0), (60, 0, 700), 0.3), (7, (0.7, 0, 0.2), (-60, 10, 650), 0.8)],
    },
    3: {1: [(1, (0, 1.2, 0.4), (0, -20, 800), 0.0)]},
}


def write_folder(root: Path) -> Path:
    """The data set, with depth images that know nothing."""
    (root / "models").mkdir(parents=True)
    infos = {}
    for obj_id, size in SIZES.items():
        trimesh.creation.box(2 * np.array(size)).export(root / f"models/obj_{obj_id:06d}.ply")
        low = dict(zip(("min_x", "min_y", "min_z"), (-side for side in size), strict=True))
        sides = dict(zip(("size_x", "size_y", "size_z"), (2 * s for s in size), strict=True))
        infos[obj_id] = dict(diameter=2 * float(np.linalg.norm(size)), **low, **sides)
    infos[1]["symmetries_discrete"] = [HALF_TURN]
    (root / "models/models_info.json").write_text(json.dumps(infos))
    for scene_id, images in SCENES.items():
        folder = root / f"test/{scene_id:06d}"
        for name, dtype in (("rgb", np.uint8), ("depth", np.uint16)):
            (folder / name).mkdir(parents=True)
            for im_id in images:
                image = np.zeros((HEIGHT, WIDTH), dtype)
                cv2.imwrite(str(folder / f"{name}/{im_id:06d}.png"), image)
        camera = dict(cam_K=CAM2IMG.ravel().tolist(), depth_scale=0.1)
        (folder / "scene_camera.json").write_text(json.dumps(dict.fromkeys(images, camera)))
        truth, info = {}, {}
        for im_id, objects in images.items():
            truth[im_id] = [
                dict(
                    obj_id=obj_id,
                    cam_R_m2c=Rotation.from_rotvec(turn).as_matrix().ravel().tolist(),
                    cam_t_m2c=list(place),
                )
                for obj_id, turn, place, _ in objects
            ]
            info[im_id] = [
                dict(bbox_obj=[1, 1, 9, 9], bbox_visib=[1, 1, 9, 9], visib_fract=each[3])
                for each in objects
            ]
        (folder / "scene_gt.json").write_text(json.dumps(truth))
        (folder / "scene_gt_info.json").write_text(json.dumps(info))
    return root


@pytest.fixture(scope="session")
def bop_root(tmp_path_factory) -> Path:
    """The data set; not to be changed."""
    return write_folder(tmp_path_factory.mktemp("bop") / "data")


@pytest.fixture
def own_root(tmp_path) -> Path:
    """A copy to be changed."""
    return write_folder(tmp_path / "data")


def _perfect(shift: Sequence[float] = (0, 0, 0)) -> Estimates:
    """Estimates of all objects, off by a translation in mm; scores fall from one to the next."""
    rows = [
        (scene_id, im_id, obj_id, turn, np.add(place, shift))
        for scene_id, images in SCENES.items()
        for im_id, objects in images.items()
        for obj_id, turn, place, _ in objects
    ]
    scene_id, im_id, obj_id, turn, place = zip(*rows, strict=True)
    poses = Poses(Rotation.from_rotvec(turn).as_matrix(), np.array(place))
    score = 1 / np.arange(1.0, len(rows) + 1)
    ids = (np.array(each) for each in (scene_id, im_id, obj_id))
    return Estimates(*ids, score, poses, np.full(len(rows), 0.25))


@pytest.fixture
def perfect() -> Callable[..., Estimates]:
    """Function that gives estimates of all objects, off by a translation in mm."""
    return _perfect


@pytest.fixture
def estimates() -> Estimates:
    """The truth."""
    return _perfect()
