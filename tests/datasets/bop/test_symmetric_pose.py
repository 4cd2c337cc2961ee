import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from epropnp_det.datasets.bop import BOPDataset, ResolveSymmetry, Symmetries
from epropnp_det.errors import UserError

HALF_TURN = [-1, 0, 0, 4, 0, -1, 0, 6, 0, 0, 1, 0, 0, 0, 0, 1]
QUARTERS = [
    [c, -s, 0, 0, s, c, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1] for c, s in ((0, 1), (-1, 0), (0, -1))
]
KINDS = {
    "half turn off the origin": dict(symmetries_discrete=[HALF_TURN]),
    "quarter turns": dict(symmetries_discrete=QUARTERS),
    "any turn": dict(symmetries_continuous=[dict(axis=[0, 0, 1], offset=[4, 6, 0])]),
}


def _resolved(rotation, translation, symmetries):
    quaternion = Rotation.from_matrix(rotation).as_quat(scalar_first=True)
    pose = np.array([*translation, *quaternion])
    pose = ResolveSymmetry()({"gt_pose": pose, "symmetries": symmetries})["gt_pose"]
    return Rotation.from_quat(pose[3:], scalar_first=True).as_matrix(), pose[:3]


def _looking(elevation, azimuth, roll, translation):
    """A rotation of an object that stands, seen by a camera that looks at its middle."""
    front = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    seen = Rotation.from_euler("zx", [roll, elevation], degrees=True).as_matrix() @ front
    seen = seen @ Rotation.from_euler("z", azimuth, degrees=True).as_matrix()
    ray, _ = Rotation.align_vectors([translation], [[0, 0, 1]])
    return ray.as_matrix() @ seen


@pytest.mark.parametrize("kind", KINDS)
def test_every_pose_that_looks_the_same_becomes_one(kind):
    symmetries = Symmetries.of_info(KINDS[kind]).scaled(1e-3)
    rng = np.random.default_rng(0)
    for _ in range(20):
        translation = rng.normal(size=3) * (0.2, 0.2, 0.1) + (0, 0, 0.8)
        rotation = Rotation.random(random_state=rng).as_matrix()
        chosen, moved = _resolved(rotation, translation, symmetries)
        # One of those that look the same...
        poses = rotation @ symmetries.rotation, symmetries.translation @ rotation.T + translation
        off = np.abs(poses[0] - chosen).max((1, 2)) + np.abs(poses[1] - moved).max(1)
        assert off.min() < 1e-12
        # ... and whichever of them is given, the same.
        for index in rng.permutation(len(symmetries))[:4]:
            again = _resolved(poses[0][index], poses[1][index], symmetries)
            # The ray to an origin off the axis is another.
            if not symmetries.translation.any():
                np.testing.assert_allclose(again[0], chosen, atol=1e-12)


@pytest.mark.parametrize("translation", [(0, 0, 0.8), (0.3, -0.2, 0.7)])
@pytest.mark.parametrize(("elevation", "roll"), [(20, 0), (60, 25), (85, -30)])
def test_the_front_of_what_stands_before_the_camera(translation, elevation, roll):
    """However it is turned about its axis, the pose is that of azimuth 0, wherever in the image."""
    symmetries = Symmetries.of_info(
        dict(symmetries_continuous=[dict(axis=[0, 0, 1], offset=[0] * 3)])
    )
    chosen = [
        _resolved(_looking(elevation, azimuth, roll, translation), translation, symmetries)[0]
        for azimuth in (0, 10, 130, 200, 310)
    ]
    step = 2 * np.pi / len(symmetries)
    for one in chosen[1:]:
        turn = Rotation.from_matrix(one.T @ chosen[0]).magnitude()
        assert turn < step + 1e-9
    if roll == 0:
        seen = _looking(elevation, 0, roll, translation)
        assert Rotation.from_matrix(seen.T @ chosen[0]).magnitude() < step / 2 + 1e-9


def test_quarter_turns_stay_within_an_eighth_of_a_turn():
    symmetries = Symmetries.of_info(KINDS["quarter turns"])
    for azimuth in np.arange(0, 360, 20):
        chosen, _ = _resolved(_looking(30, azimuth, 0, (0, 0, 1)), (0, 0, 1), symmetries)
        turn = Rotation.from_matrix(_looking(30, 0, 0, (0, 0, 1)).T @ chosen)
        np.testing.assert_allclose(turn.as_rotvec()[:2], 0, atol=1e-9)
        assert turn.magnitude() <= np.pi / 4 + 1e-9


def test_what_is_left_as_it_is(bop_root):
    dataset = BOPDataset(str(bop_root), "train", pipeline=[ResolveSymmetry()])
    unlike = dataset.get_data_info(1)
    assert unlike["obj_id"] == 1 and len(unlike["symmetries"]) == 1
    np.testing.assert_array_equal(ResolveSymmetry()({**unlike})["gt_pose"], unlike["gt_pose"])
    alike = dataset[0]
    assert alike["obj_id"] == 5 and len(alike["symmetries"]) == 2
    assert alike["gt_pose"].dtype == np.float32
    # A detection of no true object.
    assert ResolveSymmetry()({"box": np.zeros(4)}) == {"box": pytest.approx(np.zeros(4))}


def test_where_it_cannot_stand(bop_root):
    with pytest.raises(UserError, match="ResolveSymmetry needs models"):
        BOPDataset(str(bop_root), "train", [5], models=None, pipeline=[ResolveSymmetry()])
    info = BOPDataset(str(bop_root), "train", [5], models=None).get_data_info(0)
    with pytest.raises(UserError, match="needs the symmetries of models"):
        ResolveSymmetry()(info)
    with pytest.raises(UserError, match="before RenderObjectCoords"):
        ResolveSymmetry()({"gt_pose": 0, "symmetries": Symmetries.none(), "gt_coords": 0})
