import numpy as np
from scipy.spatial.transform import Rotation

from epropnp_det.datasets.bop.rotations import are_rotations


def test_rotations_rounded_and_others():
    turn = Rotation.from_rotvec([0.3, -0.2, 0.5]).as_matrix()
    others = [-turn, 1.02 * turn, np.zeros((3, 3)), np.full((3, 3), np.nan)]
    assert are_rotations(np.array([turn, turn.round(3), np.eye(3)])).all()
    assert not are_rotations(np.array(others)).any()
    assert are_rotations(np.zeros((0, 3, 3))).shape == (0,)
