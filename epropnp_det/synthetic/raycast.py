"""Casting of rays from one point at meshes above a ground plane, by Embree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore import EmbreeDevice
from embreex.rtcore_scene import EmbreeScene

from .world import Solid

GROUND = -1
NOTHING = -2
BACKDROP = -3


@dataclass(frozen=True)
class Hits:
    """What R rays met among B solids.

    Attributes:
        distance: (R,) metres along the ray, inf where it met nothing.
        index: (R,) the solid, ``GROUND``, ``NOTHING`` or ``BACKDROP``.
        covered: (B,) number of rays that would meet the solid were it alone.
        visible: (B,) number of rays that do meet it first.
    """

    distance: np.ndarray
    index: np.ndarray
    covered: np.ndarray
    visible: np.ndarray


@dataclass(frozen=True)
class _Cone:
    """The directions whose angle to the unit vector ``axis`` has at least this cosine."""

    axis: np.ndarray
    cosine: float

    @classmethod
    def around(cls, axis: np.ndarray, rays: np.ndarray) -> _Cone:
        """The narrowest cone about ``axis`` that holds all of the unit vectors ``rays`` (R, 3)."""
        axis = axis / max(np.linalg.norm(axis), 1e-9)
        return cls(axis.astype(np.float32), float((rays @ axis).min(initial=1.0)))

    def holds(self, rays: np.ndarray) -> np.ndarray:
        """Which of the unit vectors (R, 3) lie in it, (R,)."""
        return rays @ self.axis >= self.cosine - 1e-6

    def meets(self, other: _Cone) -> bool:
        """Whether the two have a direction in common."""
        cosines = np.clip([self.cosine, other.cosine, self.axis @ other.axis], -1, 1)
        one, two, between = np.arccos(cosines)
        return between <= one + two + 1e-3


@dataclass(frozen=True)
class _Body:
    """A solid seen from where the rays start: corners (V, 3) from there, triangles (F, 3)."""

    vertices: np.ndarray
    faces: np.ndarray

    @classmethod
    def of(cls, solid: Solid, origin: np.ndarray) -> _Body:
        # Embree is single precision: keep coordinates small.
        vertices = solid.mesh.moved(solid.pose).vertices - origin
        return cls(vertices.astype(np.float32), solid.mesh.faces.astype(np.int32))

    def cone(self) -> _Cone:
        """A cone that holds the body; of a body not all ahead of a plane, every direction."""
        middle = (self.vertices.min(0) + self.vertices.max(0)) / 2
        lengths = np.linalg.norm(self.vertices, axis=1, keepdims=True)
        cone = _Cone.around(middle, self.vertices / lengths)
        return cone if cone.cosine > 0 else _Cone(cone.axis, -1.0)


def cast(
    origin: np.ndarray,
    directions: np.ndarray,
    solids: Sequence[Solid],
    backdrop: Sequence[Solid] = (),
) -> Hits:
    """First thing that each ray meets: a solid, the backdrop, the ground plane z = 0, or nothing.

    Args:
        origin: (3,) common start of the rays, global frame, metres; above the ground and outside
            of every solid.
        directions: (R, 3) unit vectors in the global frame.
        solids: B solids above the ground.
        backdrop: more solids, which hide but are not told apart.
    """
    rays = directions.astype(np.float32)
    bodies = [_Body.of(solid, origin) for solid in (*solids, *backdrop)]
    labels = np.array([*range(len(solids)), *(BACKDROP for _ in backdrop), NOTHING])
    device = EmbreeDevice()
    met = _scene(device, bodies).run(np.zeros_like(rays), rays, output=True)
    missed = met["geomID"] < 0
    index = labels[met["geomID"]]
    distance = np.where(missed, np.inf, met["tfar"].astype(float))
    ground = missed & (directions[:, 2] < 0)
    index[ground], distance[ground] = GROUND, -origin[2] / directions[ground, 2]
    visible = np.bincount(index[index >= 0], minlength=len(solids))
    # A ray that met none of them all meets none of them alone.
    hidden = _count_hidden(device, rays[~missed], index[~missed], bodies[: len(solids)])
    return Hits(distance, index, visible + hidden, visible)


def _count_hidden(
    device: EmbreeDevice, rays: np.ndarray, index: np.ndarray, bodies: Sequence[_Body]
) -> np.ndarray:
    """Number of rays (R, 3) that would meet each body if they had not met ``index`` (R,), (B,)."""
    hidden = np.zeros(len(bodies), int)
    view = _Cone.around(rays.sum(0), rays)
    for number, body in enumerate(bodies):
        cone = body.cone()
        if not cone.meets(view):
            continue
        behind = rays[cone.holds(rays) & (index != number)]
        met = _scene(device, [body]).run(np.zeros_like(behind), behind, query="OCCLUDED")
        hidden[number] = (met >= 0).sum()
    return hidden


def _scene(device: EmbreeDevice, bodies: Sequence[_Body]) -> EmbreeScene:
    scene = EmbreeScene(device, robust=True)
    for body in bodies:
        TriangleMesh(scene, body.vertices, body.faces)
    return scene


def pixel_directions(
    intrinsic: np.ndarray, image_size: tuple[int, int], rotation: np.ndarray
) -> np.ndarray:
    """Unit rays through the pixel centres of a camera, row by row.

    Args:
        intrinsic: (3, 3) camera matrix.
        image_size: (width, height) in pixels.
        rotation: (3, 3) camera to global.

    Returns:
        (height * width, 3) in the global frame.
    """
    width, height = image_size
    right, down, ahead = (rotation @ np.linalg.inv(intrinsic)).T
    rows = (np.arange(height)[:, None] + 0.5) * down + ahead
    rays = rows[:, None] + (np.arange(width)[:, None] + 0.5) * right
    lengths = np.sqrt(np.einsum("ijk,ijk->ij", rays, rays))
    return (rays / lengths[..., None]).reshape(-1, 3)
