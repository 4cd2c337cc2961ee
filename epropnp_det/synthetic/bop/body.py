"""Bodies in front of the camera, and what each of them alone shows of itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore import EmbreeDevice
from embreex.rtcore_scene import EmbreeScene

from .camera import Camera, Window
from .models import hull
from .solid import Solid
from .tessellate import Surface

# Points of a surface that are looked at to tell whether two bodies overlap.
PROBES = 400


@dataclass(frozen=True, eq=False)
class Shape:
    """A solid with its surface, whose triangles are made ready for rays once.

    Attributes:
        solid: inside and outside.
        surface: its triangles.
    """

    solid: Solid
    surface: Surface

    @cached_property
    def scene(self) -> EmbreeScene:
        """The triangles as Embree keeps them."""
        scene = EmbreeScene(EmbreeDevice(), robust=True)
        vertices = self.surface.vertices.astype(np.float32)
        TriangleMesh(scene, vertices, self.surface.faces.astype(np.int32))
        return scene

    @cached_property
    def normals(self) -> np.ndarray:
        """Of the vertices, (V, 3) float32."""
        return self.surface.normals.astype(np.float32)

    @cached_property
    def hull(self) -> np.ndarray:
        """Corners of the convex hull, (H, 3)."""
        return hull(self.surface.vertices)

    @cached_property
    def probes(self) -> np.ndarray:
        """Some points of the surface, (P, 3)."""
        return self.surface.vertices[:: max(len(self.surface.vertices) // PROBES, 1)]


@dataclass(frozen=True, eq=False)
class Body:
    """A shape with its place in a frame.

    Attributes:
        shape: what it is.
        rotation: (3, 3), of the shape's frame in the other one.
        translation: (3,) metres.
        scale: (3,) by which the shape is stretched along its own axes before.
        colours: (V, 3) linear reflectance at the vertices of the surface.
        gloss: strength and sharpness of its highlights.
        number: the obj_id of an annotated object, else 0.
    """

    shape: Shape
    rotation: np.ndarray
    translation: np.ndarray
    scale: np.ndarray
    colours: np.ndarray
    gloss: tuple[float, float]
    number: int = 0

    def placed(self, points: np.ndarray) -> np.ndarray:
        """Points (N, 3) of the shape in the frame."""
        return (points * self.scale) @ self.rotation.T + self.translation

    def own(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) of the frame in that of the shape."""
        return (points - self.translation) @ self._back

    @cached_property
    def corners(self) -> np.ndarray:
        """Corners of the convex hull in the frame, (H, 3)."""
        return self.placed(self.shape.hull)

    @cached_property
    def sphere(self) -> tuple[np.ndarray, float]:
        """Centre (3,) and radius of a ball that holds it."""
        centre = (self.corners.min(0) + self.corners.max(0)) / 2
        return centre, float(np.linalg.norm(self.corners - centre, axis=1).max())

    def overlaps(self, other: Body) -> bool:
        """Whether points of the one's surface lie inside the other."""
        (one, radius), (two, other_radius) = self.sphere, other.sphere
        if np.linalg.norm(one - two) >= radius + other_radius:
            return False
        return any(
            (b.shape.solid(b.own(a.placed(a.shape.probes))) < 0).any()
            for a, b in ((self, other), (other, self))
        )

    def hit(self, directions: np.ndarray) -> dict[str, np.ndarray]:
        """Where rays (R, 3) from the frame's origin meet it first.

        Returns:
            ``geomID`` (-1 for a miss), ``tfar`` in lengths of the directions, ``primID``, ``u`` and
            ``v`` (weights of the triangle's second and third corner), all (R,).
        """
        own = self._turned_back(directions)
        # Embree is single precision: places are made small first.
        start = self.own(np.zeros(3)).astype(np.float32)
        return self.shape.scene.run(np.tile(start, (len(own), 1)), own, output=True)

    def hides(self, origins: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """Whether it is in the way from places (R, 3) of the frame in a direction (3,), (R,)."""
        own = np.tile(self._turned_back(direction), (len(origins), 1))
        starts = self.own(origins).astype(np.float32)
        return self.shape.scene.run(starts, own, query="OCCLUDED") >= 0

    def _turned_back(self, directions: np.ndarray) -> np.ndarray:
        """Directions (..., 3) of the frame in that of the shape, where lengths may differ."""
        return directions.astype(np.float32) @ self._back.astype(np.float32)

    @property
    def _back(self) -> np.ndarray:
        return self.rotation / self.scale


@dataclass(frozen=True, eq=False)
class Footprint:
    """The pixels of a body that stands alone before the camera.

    Attributes:
        window: the pixels looked at; all of the body's are among them.
        depth: (height, width) metres along the camera's axis, inf where it is not.
        triangle: (height, width) index of the triangle.
        weights: (height, width, 2) of its second and third corner.
    """

    window: Window
    depth: np.ndarray
    triangle: np.ndarray
    weights: np.ndarray

    @property
    def mask(self) -> np.ndarray:
        """Where it is, (height, width)."""
        return np.isfinite(self.depth)


def footprint(body: Body, camera: Camera, bounds: Window) -> Footprint:
    """What a body in the camera's frame shows within ``bounds``; all of it is ahead."""
    window = camera.window_of(body.corners).within(bounds)
    rays = camera.rays(window)
    met = body.hit(rays.reshape(-1, 3))
    depth = np.where(met["geomID"] < 0, np.inf, met["tfar"])
    weights = np.stack([met["u"], met["v"]], -1)
    shape = window.shape
    return Footprint(
        window, depth.reshape(shape), met["primID"].reshape(shape), weights.reshape(*shape, 2)
    )
