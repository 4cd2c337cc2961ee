"""Wire frames of boxes in a pinhole image: near-plane clipping and hidden edges."""

from dataclasses import dataclass

import numpy as np

NEAR = 0.1  # metres

# Front, back, left, right, top, bottom: corner cycles, counter-clockwise seen from outside.
FACES = (
    (0, 1, 2, 3),
    (4, 7, 6, 5),
    (0, 3, 7, 4),
    (1, 5, 6, 2),
    (0, 4, 5, 1),
    (3, 2, 6, 7),
)
EDGES = tuple(
    sorted({tuple(sorted(pair)) for f in FACES for pair in zip(f, f[1:] + f[:1], strict=True)})
)
_EDGE_FACES = tuple(
    tuple(i for i, face in enumerate(FACES) if set(edge) <= set(face)) for edge in EDGES
)


@dataclass(frozen=True)
class WireFrame:
    """A box in an image, pixels.

    Attributes:
        visible, hidden: (E, 2, 2) segments on the camera's and on the far side of the box.
        front: (V, 2) polygon of the front face, empty where it is behind the camera.
        heading: (2, 2) or (0, 2) segment on the bottom from its centre to the front edge.
    """

    visible: np.ndarray
    hidden: np.ndarray
    front: np.ndarray
    heading: np.ndarray

    @property
    def points(self) -> np.ndarray:
        """End points of all edges, (P, 2)."""
        return np.concatenate([self.visible, self.hidden]).reshape(-1, 2)


def wire_frame(corners: np.ndarray, cam2img: np.ndarray) -> WireFrame:
    """Project one box; what lies nearer than 0.1 m before the camera is cut off.

    Args:
        corners: (8, 3) in the camera frame, in the order of ``BoxSet``.
        cam2img: (3, 3) camera matrix.
    """
    seen = [_faces_camera(corners[list(face)]) for face in FACES]
    segments = ([], [])
    for (a, b), (one, two) in zip(EDGES, _EDGE_FACES, strict=True):
        clipped = _clip(corners[[a, b]])
        if len(clipped):
            segments[not (seen[one] or seen[two])].append(_project(clipped[:2], cam2img))
    bottom = corners[[2, 3, 6, 7]].mean(0)
    nose = corners[[2, 3]].mean(0)
    return WireFrame(
        *(np.array(part).reshape(-1, 2, 2) for part in segments),
        front=_project(_clip(corners[list(FACES[0])]), cam2img),
        heading=_project(_clip(np.array([bottom, nose]))[:2], cam2img),
    )


def _faces_camera(face: np.ndarray) -> bool:
    normal = np.cross(face[1] - face[0], face[2] - face[1])
    return bool(normal @ face[0] < 0)


def _clip(polygon: np.ndarray) -> np.ndarray:
    """Cut a convex polygon (V, 3) at the near plane (Sutherland-Hodgman); may be empty.

    Of a segment, given as a polygon of two corners, the first two results are its ends.
    """
    kept = []
    for start, end in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if start[2] >= NEAR:
            kept.append(start)
        if (start[2] >= NEAR) != (end[2] >= NEAR):
            kept.append(start + (end - start) * (NEAR - start[2]) / (end[2] - start[2]))
    return np.array(kept).reshape(-1, 3)


def _project(points: np.ndarray, cam2img: np.ndarray) -> np.ndarray:
    image = points @ cam2img.T
    return image[:, :2] / image[:, 2:]
