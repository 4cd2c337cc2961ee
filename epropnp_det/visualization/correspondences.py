"""Correspondences on an image: the picture that the EPro-PnP paper (arXiv 2203.13254) shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from .image import draw_image

LARGEST = 20.0  # square points, of the point with the largest weight
FAINTEST = 0.05  # share of the largest weight below which a point does not matter
DIM = 0.45  # of the image behind the points


@dataclass(frozen=True)
class Correspondences:
    """N correspondences of each of M objects.

    Attributes:
        x3d: (M, N, 3) object coordinates along (l, h, w), metres.
        x2d: (M, N, 2) pixels.
        w2d: (M, N, 2) weights, >= 0, in 1 / pixel.
        dims: (M, 3) sizes (l, h, w), metres.
        num_heads: attention heads that the N points belong to, heads in order.
    """

    x3d: np.ndarray
    x2d: np.ndarray
    w2d: np.ndarray
    dims: np.ndarray
    num_heads: int = 1

    def __post_init__(self) -> None:
        if self.x2d.shape[1] % self.num_heads:
            raise ValueError(
                f"{self.x2d.shape[1]} points an object are not those of {self.num_heads} heads"
            )

    def colours(self) -> np.ndarray:
        """(M, N, 3) RGB in [0, 1]: from one end of the box to the other along l, h, w."""
        return np.clip(self.x3d / self.dims[:, None] + 0.5, 0, 1)

    def strengths(self) -> np.ndarray:
        """(M, N) mean weights over those of the object's strongest point, in [0, 1]."""
        weight = np.nan_to_num(self.w2d.mean(-1))
        return weight / np.maximum(weight.max(axis=1, keepdims=True), np.finfo(float).tiny)

    def region(self, image_size: tuple[int, int], aspect: tuple[float, float]) -> np.ndarray:
        """The part of an image that holds all points but the faintest, with a margin.

        Args:
            image_size: (width, height), pixels.
            aspect: least and largest width by height of the part.

        Returns:
            (4,) left, top, right, bottom, pixels; the whole image where there is no point.
        """
        size = np.array(image_size, dtype=float)
        pixels = self.x2d[self.strengths() > FAINTEST]
        pixels = pixels[((pixels >= 0) & (pixels <= size)).all(-1)]
        if not len(pixels):
            return np.array([0, 0, *size])
        low, high = pixels.min(0), pixels.max(0)
        width, height = np.maximum(high - low, 8) * 1.15
        width, height = max(width, height * aspect[0]), max(height, width / aspect[1])
        half = np.minimum([width, height], size) / 2
        middle = np.clip((low + high) / 2, half, size - half)
        return np.concatenate([middle - half, middle + half])


def draw_correspondences(
    ax: Axes,
    image: np.ndarray,
    points: Correspondences,
    head: int | None = None,
    largest: float = LARGEST,
) -> None:
    """Show an image, dimmed, with correspondences over it.

    A point's colour is its object coordinate, red along the length, green along the height and blue
    along the width; its area is its weight, relative to the largest of its object.

    Args:
        ax: where to draw.
        image: (H, W, 3), RGB, uint8.
        points: the correspondences, in its pixels.
        head: draw those of this attention head alone; all where None.
        largest: area of the point with the largest weight, in square points.
    """
    draw_image(ax, (image * DIM).astype(np.uint8))
    size = points.x2d.shape[1] // points.num_heads
    part = slice(None) if head is None else slice(head * size, (head + 1) * size)
    strength = points.strengths()[:, part].ravel()
    order = np.argsort(-strength)  # the small ones on top
    ax.scatter(
        *points.x2d[:, part].reshape(-1, 2)[order].T,
        s=largest * strength[order],
        c=points.colours()[:, part].reshape(-1, 3)[order],
        lw=0,
        alpha=0.9,
    )
