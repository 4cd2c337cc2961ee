import numpy as np
import pytest
from nuscenes.utils.geometry_utils import transform_matrix
from pyquaternion import Quaternion
from scipy.spatial.transform import Rotation

from epropnp_det.datasets.rigid_transforms import rigid_transforms, rotation_matrices


@pytest.mark.parametrize("length", [1.0, 1 + 1e-15, 1 + 1e-9, 3.0])
def test_matrices_are_the_devkits_to_the_bit(length):
    rng = np.random.default_rng(0)
    quaternions = rng.normal(size=(500, 4))
    quaternions *= length / np.linalg.norm(quaternions, axis=1, keepdims=True)
    translations = rng.normal(size=(500, 3)) * 1000
    each = [
        transform_matrix(t, Quaternion(q)) for t, q in zip(translations, quaternions, strict=True)
    ]
    assert np.array_equal(rigid_transforms(translations, quaternions), each)


def test_rotations_are_scipys():
    rotations = Rotation.random(100, rng=np.random.default_rng(1))
    found = rotation_matrices(-2 * rotations.as_quat(scalar_first=True))
    assert np.allclose(found, rotations.as_matrix(), atol=1e-15)


def test_whole_numbers_none_at_all_and_no_rotation():
    assert np.array_equal(rotation_matrices(np.array([[1, 0, 0, 0]])), [np.eye(3)])
    assert rigid_transforms(np.zeros((0, 3)), np.zeros((0, 4))).shape == (0, 4, 4)
    # As the devkit has it: nothing remains of an object without a rotation, and no warning either.
    with np.errstate(all="raise"):
        assert not rotation_matrices(np.zeros((1, 4))).any()
