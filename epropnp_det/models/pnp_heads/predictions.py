"""What the network says of each object."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class ObjectPredictions:
    """What the network says of each of M objects, each with N correspondences.

    Attributes:
        x3d: (M, N, 3) object coordinates along (l, h, w), in metres.
        x2d: (M, N, 2) image points (u, v), in network-input pixels.
        w2d: (M, N, 2) weights, >= 0, in 1 / pixels.
        scale: (M, 2) global scales of the weights.
        dim_code: (M, 3) size codes of the object's class.
        dims: (M, 3) sizes (l, h, w), in metres.
        score_logit: (M,) logits of the 3D score.
        velocity: (M, 2) (vx, vz) in the camera frame, in m/s; (M, 0) if not predicted.
        attr_logit: (M, num_attrs), where num_attrs can be 0.
    """

    x3d: Tensor
    x2d: Tensor
    w2d: Tensor
    scale: Tensor
    dim_code: Tensor
    dims: Tensor
    score_logit: Tensor
    velocity: Tensor
    attr_logit: Tensor
