import numpy as np
import pytest

from epropnp_det.synthetic.bop.frames import frame_about


@pytest.mark.parametrize("direction", [(0, 0, 1), (0, 0, -1), (1, 0, 0), (0.6, -0.48, 0.64)])
def test_frame_is_a_rotation_about_the_direction(direction):
    frame = frame_about(np.array(direction, float))
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(frame), 1)
    np.testing.assert_array_equal(frame[2], direction)
