"""4x4 matrices of many poses at once, the same to the bit as the nuScenes devkit's, one by one."""

import numpy as np

# A rotated vector is q v q*: row i of a table holds what multiplication by q from the left, or by
# its conjugate from the right, takes from q = (w, i, j, k) for component i of the product.
_PARTS = np.array([[0, 1, 2, 3], [1, 0, 3, 2], [2, 3, 0, 1], [3, 2, 1, 0]])
_LEFT = np.array([[1, -1, -1, -1], [1, 1, -1, 1], [1, 1, 1, -1], [1, -1, 1, 1]])
_RIGHT = np.array([[1, -1, -1, -1], [1, 1, 1, -1], [1, -1, 1, 1], [1, 1, -1, 1]])

_UNIT = 1e-14
"""Quaternions whose squared length is that near to 1 are taken as they are."""


def rotation_matrices(quaternions: np.ndarray) -> np.ndarray:
    """Rotation matrices (N, 3, 3) of quaternions (w, i, j, k) of any length, (N, 4).

    Example:
        >>> rotation_matrices(np.array([[2.0, 0, 0, 2]])).round(9) + 0.0  # a quarter turn about z
        array([[[ 0., -1.,  0.],
                [ 1.,  0.,  0.],
                [ 0.,  0.,  1.]]])
    """
    # As a product of matrices, as the devkit has it: how a sum is rounded hangs on the processor.
    squares = (quaternions[:, None] @ quaternions[:, :, None])[:, 0]
    as_they_are = (abs(1 - squares) < _UNIT) | (squares == 0)
    q = quaternions / np.where(as_they_are, 1, np.sqrt(squares))
    left, right = (np.take(q, _PARTS, axis=1) * signs for signs in (_LEFT, _RIGHT))
    return (left @ right.swapaxes(-1, -2))[:, 1:, 1:]


def rigid_transforms(translations: np.ndarray, quaternions: np.ndarray) -> np.ndarray:
    """Matrices (N, 4, 4) of poses.

    Args:
        translations: (N, 3) metres.
        quaternions: (N, 4) rotations (w, i, j, k).
    """
    matrices = np.tile(np.eye(4), (len(translations), 1, 1))
    matrices[:, :3, :3] = rotation_matrices(quaternions)
    matrices[:, :3, 3] = translations
    return matrices
