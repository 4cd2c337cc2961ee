"""Pose errors against published numbers, and against their definitions written plainly."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation

from epropnp_det.evaluation.bop import (
    ModelPoints,
    Poses,
    Symmetries,
    add,
    add_s,
    mspd,
    mssd,
    reprojection_error,
    rotation_error,
    translation_error,
)
from epropnp_det.evaluation.bop.pose_errors import degrees_and_millimetres

CAM2IMG = np.array([[572.4, 0, 325.2], [0, 573.6, 242.0], [0, 0, 1]])
INFOS = {
    "none": {},
    "discrete": dict(symmetries_discrete=[[-1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]]),
    "continuous": dict(symmetries_continuous=[dict(axis=[0, 0, 1], offset=[2, -1, 0])]),
}


def all_errors(
    estimated: Poses, true: Poses, model: ModelPoints, symmetries: Symmetries, cam2img: np.ndarray
) -> dict[str, np.ndarray]:
    return dict(
        add=add(estimated, true, model),
        adi=add_s(estimated, true, model),
        mssd=mssd(estimated, true, model, symmetries),
        mspd=mspd(estimated, true, model, symmetries, cam2img),
        re=rotation_error(estimated.rotation, true.rotation),
        te=translation_error(estimated.translation, true.translation),
        proj=reprojection_error(estimated, true, model, cam2img),
    )


def by_definition(
    estimated: Poses, true: Poses, points: np.ndarray, symmetries: Symmetries
) -> dict[str, np.ndarray]:
    """All distances of all points, pose by pose and symmetry by symmetry."""

    def pixels(moved: np.ndarray) -> np.ndarray:
        image = moved @ CAM2IMG.T
        return image[:, :2] / image[:, 2:]

    found = {name: [] for name in ("add", "adi", "mssd", "mspd", "proj")}
    for index in range(len(true)):
        one = points @ estimated.rotation[index].T + estimated.translation[index]
        space, flat, mean = [], [], []
        for rotation, translation in zip(symmetries.rotation, symmetries.translation, strict=True):
            alike = points @ rotation.T + translation
            other = alike @ true.rotation[index].T + true.translation[index]
            distance = np.linalg.norm(pixels(one) - pixels(other), axis=1)
            space.append(np.linalg.norm(one - other, axis=1).max())
            flat.append(distance.max())
            mean.append(distance.mean())
        other = points @ true.rotation[index].T + true.translation[index]
        found["add"].append(np.linalg.norm(one - other, axis=1).mean())
        found["adi"].append(cdist(other, one).min(axis=1).mean())
        found["mssd"].append(min(space))
        found["mspd"].append(min(flat))
        found["proj"].append(min(mean))
    return {name: np.array(values) for name, values in found.items()}


def random_poses(count: int, turn: float = 0.2, shift: float = 8.0) -> tuple[Poses, Poses]:
    rng = np.random.default_rng(count)
    rotation = Rotation.random(count, random_state=1).as_matrix()
    turns = Rotation.from_rotvec(rng.normal(0, turn, (count, 3))).as_matrix()
    place = rng.normal(0, 60, (count, 3)) + [0, 0, 900]
    moved = place + rng.normal(0, shift, (count, 3))
    return Poses(rotation @ turns, moved), Poses(rotation, place)


@pytest.mark.parametrize("kind", INFOS)
def test_published_numbers(golden_dir, kind):
    """Of the BOP toolkit."""
    golden = np.load(golden_dir / "public_bop_errors.npz")
    estimated = Poses(golden[f"{kind}_R_est"], golden[f"{kind}_t_est"])
    true = Poses(golden[f"{kind}_R_gt"], golden[f"{kind}_t_gt"])
    symmetries = Symmetries.of_info(INFOS[kind])
    assert len(symmetries) == golden[f"{kind}_num_symmetries"]
    model = ModelPoints(golden[f"{kind}_points"])
    for name, values in all_errors(estimated, true, model, symmetries, golden["K"]).items():
        np.testing.assert_allclose(values, golden[f"{kind}_{name}"], rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("kind", INFOS)
@pytest.mark.parametrize("count", [1, 2, 33, 300])
def test_definitions(kind, count):
    points = np.random.default_rng(0).normal(0, 40, (count, 3)) * [1, 1.5, 0.7]
    symmetries = Symmetries.of_info(INFOS[kind], max_step=0.1)
    estimated, true = random_poses(6)
    expected = by_definition(estimated, true, points, symmetries)
    found = all_errors(estimated, true, ModelPoints(points), symmetries, CAM2IMG)
    alike = reprojection_error(estimated, true, ModelPoints(points), CAM2IMG, symmetries)
    np.testing.assert_allclose(alike, expected.pop("proj"), rtol=1e-9)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("flat", [(1, 1, 0), (1, 0, 0), (0, 0, 0)])
def test_models_without_volume(flat):
    """A plane, a line, one place; each point comes twice."""
    points = np.tile(np.random.default_rng(0).normal(0, 40, (40, 3)) * flat, (2, 1))
    estimated, true = random_poses(4)
    symmetries = Symmetries.of_info(INFOS["discrete"])
    expected = by_definition(estimated, true, points, symmetries)
    found = all_errors(estimated, true, ModelPoints(points), symmetries, CAM2IMG)
    for name in ("add", "adi", "mssd", "mspd"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-9, err_msg=name)


def test_poses_do_not_touch_one_another():
    points = ModelPoints(np.random.default_rng(0).normal(0, 40, (100, 3)))
    symmetries = Symmetries.of_info(INFOS["continuous"], max_step=0.1)
    estimated, true = random_poses(5)
    together = all_errors(estimated, true, points, symmetries, CAM2IMG)
    for index in range(5):
        one = slice(index, index + 1)
        alone = all_errors(estimated[one], true[one], points, symmetries, CAM2IMG)
        for name, values in alone.items():
            np.testing.assert_array_equal(values, together[name][one], err_msg=name)


def test_a_camera_for_each_pose():
    points = ModelPoints(np.random.default_rng(0).normal(0, 40, (50, 3)))
    estimated, true = random_poses(2)
    cameras = np.stack([CAM2IMG, CAM2IMG * [[2], [2], [1]]])
    for error in (
        lambda c: mspd(estimated, true, points, Symmetries.none(), c),
        lambda c: reprojection_error(estimated, true, points, c),
    ):
        one, two = error(cameras) / error(CAM2IMG)
        assert (one, two) == pytest.approx((1, 2))


def test_no_poses():
    estimated, true = random_poses(3)
    none = slice(0, 0)
    points = ModelPoints(np.eye(3))
    found = all_errors(estimated[none], true[none], points, Symmetries.none(), CAM2IMG)
    assert all(values.shape == (0,) for values in found.values())


def test_single_precision_is_widened():
    estimated, true = random_poses(2)
    points = np.random.default_rng(0).normal(0, 40, (50, 3)).astype(np.float32)
    single = Poses(estimated.rotation.astype(np.float32), estimated.translation[..., None])
    assert single.rotation.dtype == single.translation.dtype == np.float64
    errors = add(single, true, ModelPoints(points))
    np.testing.assert_allclose(errors, add(estimated, true, ModelPoints(points)), rtol=1e-4)


@pytest.mark.parametrize("degrees", [0.0, 1e-7, 0.3, 90.0, 179.9999, 180.0])
def test_angles_near_zero_and_half_a_turn(degrees):
    axis = np.array([2.0, -1, 2]) / 3
    turn = Rotation.from_rotvec(np.radians(degrees) * axis).as_matrix()
    first = Rotation.random(random_state=3).as_matrix()
    assert rotation_error(first @ turn, first) == pytest.approx(degrees, rel=1e-7, abs=1e-13)


def test_symmetric_poses_are_right():
    """Whatever symmetry comes before, and only where it is one."""
    points = ModelPoints(np.random.default_rng(0).normal(0, 40, (50, 3)))
    _, true = random_poses(3)
    symmetries = Symmetries.of_info(INFOS["continuous"])
    rotation, translation = symmetries.rotation[100], symmetries.translation[100]
    alike = Poses(true.rotation @ rotation, true.rotation @ translation + true.translation)
    assert mssd(alike, true, points, symmetries).max() < 1e-9
    assert mspd(alike, true, points, symmetries, CAM2IMG).max() < 1e-9
    assert degrees_and_millimetres(alike, true, symmetries, 5, 50).max() < 1e-9
    assert mssd(alike, true, points, Symmetries.none()).min() > 10


def test_degrees_and_millimetres():
    _, true = random_poses(1)
    turn = Rotation.from_rotvec([0, 0, np.radians(4)]).as_matrix()
    off = Poses(true.rotation @ turn, true.translation + [0, 0, 60.0])
    none = Symmetries.none()
    assert degrees_and_millimetres(off, true, none, 5, 50) == pytest.approx([1.2])
    assert degrees_and_millimetres(off, true, none, 2, 100) == pytest.approx([2.0])
