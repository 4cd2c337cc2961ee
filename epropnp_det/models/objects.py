"""What the dense head hands to the correspondence head."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class ObjectQueries:
    """M objects found (or, in training, sampled) in a batch of images.

    Attributes:
        embedding: (M, C) object embeddings.
        center: (M, 2) reference points (u, v), in network-input pixels.
        stride: (M,) stride of the level on which each object was found, in pixels.
        label: (M,) class indices.
        img_ind: (M,) index of each object's image within the batch, ascending at test time.
        score: (M,) class scores in [0, 1]; what the class head believes, without centerness.
    """

    embedding: Tensor
    center: Tensor
    stride: Tensor
    label: Tensor
    img_ind: Tensor
    score: Tensor

    def __len__(self) -> int:
        return len(self.label)
