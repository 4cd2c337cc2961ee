"""The camera of LineMOD, and windows of its image plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# S. Hinterstoisser et al., ACCV 2012: width, height, fx, fy, cx, cy.
LINEMOD = (640, 480, 572.4114, 573.57043, 325.2611, 242.04899)


@dataclass(frozen=True)
class Window:
    """Pixels of the columns ``left`` to ``right`` and rows ``top`` to ``bottom``, ends excluded."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width), never negative."""
        return max(self.bottom - self.top, 0), max(self.right - self.left, 0)

    def within(self, other: Window) -> Window:
        """What the two have in common; its shape has a zero where that is nothing."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return Window(left, top, max(left, right), max(top, bottom))

    def part(self, other: Window) -> tuple[slice, slice]:
        """Where ``other``, which lies within this one, is in an array of this one's pixels."""
        return (
            slice(other.top - self.top, other.bottom - self.top),
            slice(other.left - self.left, other.right - self.left),
        )


@dataclass(frozen=True)
class Camera:
    """A pinhole: x right, y down, z ahead; whole coordinates are the middles of pixels.

    Attributes:
        width: pixels.
        height: pixels.
        fx: focal length in x, pixels.
        fy: focal length in y.
        cx: principal point, x.
        cy: principal point, y.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    @classmethod
    def linemod(cls, image_size: tuple[int, int]) -> Camera:
        """LineMOD's camera with its field of view in another number of pixels."""
        width, height, fx, fy, cx, cy = LINEMOD
        x, y = image_size[0] / width, image_size[1] / height
        # Corners of the image are at -1/2.
        centre = ((cx + 0.5) * x - 0.5, (cy + 0.5) * y - 0.5)
        return cls(*image_size, fx * x, fy * y, *(round(value, 6) for value in centre))

    @property
    def matrix(self) -> np.ndarray:
        """(3, 3)."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]])

    @property
    def image(self) -> Window:
        """All of its pixels."""
        return Window(0, 0, self.width, self.height)

    @property
    def canvas(self) -> Window:
        """The image with as much again on every side, where BOP counts what is cut off."""
        return Window(-self.width, -self.height, 2 * self.width, 2 * self.height)

    def rays(self, window: Window) -> np.ndarray:
        """Directions through the middles of pixels, with z one, (height, width, 3) float32."""
        height, width = window.shape
        rays = np.ones((height, width, 3), np.float32)
        rays[..., 0] = (np.arange(window.left, window.right) - self.cx) / self.fx
        rays[..., 1] = ((np.arange(window.top, window.bottom) - self.cy) / self.fy)[:, None]
        return rays

    def bearing(self, pixel: np.ndarray) -> np.ndarray:
        """Direction through pixel coordinates (2,), with z one, (3,)."""
        x, y = pixel
        return np.array([(x - self.cx) / self.fx, (y - self.cy) / self.fy, 1])

    def window_of(self, points: np.ndarray) -> Window:
        """Pixels that hold the convex hull of points (N, 3) in front of the camera."""
        u = self.fx * points[:, 0] / points[:, 2] + self.cx
        v = self.fy * points[:, 1] / points[:, 2] + self.cy
        left, top = int(np.floor(u.min())), int(np.floor(v.min()))
        return Window(left, top, int(np.ceil(u.max())) + 1, int(np.ceil(v.max())) + 1)
