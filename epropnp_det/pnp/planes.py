"""The plane that a set of points comes nearest to."""

from __future__ import annotations

import torch
from torch import Tensor

_SQUARINGS = 2
"""Of a matrix, of which then little is left but an eigenvector: of a flat object's. Others' mirror
images are no look-alikes."""


def normals(x3d: Tensor, weight: Tensor) -> Tensor:
    """Directions in which points spread least: unit vectors (B, 3).

    Args:
        x3d: (3, B, N).
        weight: (B, N), not negative.
    """
    share = weight / weight.sum(-1, keepdim=True).clamp(min=torch.finfo(weight.dtype).tiny)
    offset = x3d - (share * x3d).sum(-1, keepdim=True)
    spread = torch.einsum("ibn,bn,jbn->bij", offset, share, offset)
    return _last_axis(spread)


def _last_axis(matrix: Tensor) -> Tensor:
    """Eigenvector (B, 3) to the least eigenvalue of symmetric matrices (B, 3, 3), not negative.

    The adjugate has the same eigenvectors, and to the least of the eigenvalues its greatest. In
    place of a library's decomposition, which no CUDA graph takes.
    """
    identity = torch.eye(3, dtype=matrix.dtype, device=matrix.device)
    tiny = torch.finfo(matrix.dtype).tiny
    size = matrix.diagonal(dim1=1, dim2=2).sum(-1)[:, None, None].clamp(min=tiny)
    matrix = matrix / size + 1e-4 * identity
    rows = matrix.unbind(1)
    power = torch.stack([torch.linalg.cross(rows[i - 2], rows[i - 1]) for i in range(3)], dim=1)
    for _ in range(_SQUARINGS):
        power = power / power.diagonal(dim1=1, dim2=2).sum(-1)[:, None, None]
        power = power @ power
    # Any column that is not small.
    longest = power.square().sum(1).argmax(-1)
    column = power.gather(2, longest[:, None, None].expand(-1, 3, 1))[..., 0]
    return column / column.norm(dim=-1, keepdim=True).clamp(min=tiny)
