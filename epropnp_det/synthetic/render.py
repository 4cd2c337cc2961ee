"""Camera images by Mitsuba: boxes on a road in the direct light of sun and sky."""

from collections.abc import Iterator, Sequence

import mitsuba as mi
import numpy as np

from .world import Thing, World

mi.set_variant("scalar_rgb")

SAMPLES_PER_PIXEL = 9
GROUND_EXTENT = 400.0
# Offset from the road's centre line, width (metres) and reflectance of strips along the road, each
# drawn over those before it.
STRIPS = (
    (0.0, 2 * GROUND_EXTENT, (0.16, 0.20, 0.09)),
    (0.0, 32.0, (0.38, 0.36, 0.34)),
    (0.0, 20.8, (0.11, 0.11, 0.12)),
    (0.0, 0.2, (0.80, 0.62, 0.10)),
    (-4.0, 0.2, (0.75, 0.75, 0.75)),
    (4.0, 0.2, (0.75, 0.75, 0.75)),
)
STRIP_STEP = 0.002  # metres between strips, below the gap that objects keep from the ground


def render(
    world: World,
    time: float,
    camera_to_global: np.ndarray,
    intrinsic: np.ndarray,
    image_size: tuple[int, int],
    seed: int,
) -> np.ndarray:
    """Render one image; the same arguments give the same pixels.

    Args:
        world: the scene.
        time: seconds in the scene.
        camera_to_global: (4, 4), camera x right, y down, z forward.
        intrinsic: (3, 3) camera matrix with square pixels.
        image_size: (width, height) in pixels.
        seed: of the sampling noise.

    Returns:
        (height, width, 3) uint8, sRGB.
    """
    # Mitsuba's scalar variant is single precision: keep coordinates small.
    local = np.eye(4)
    local[:2, 3] = -camera_to_global[:2, 3]
    shapes = [
        *_ground(local @ world.road @ _along(world, camera_to_global)),
        *(face for thing in world.things for face in _faces(thing, time, local)),
    ]
    scene = {
        "type": "scene",
        "integrator": {"type": "direct"},
        "sky": {"type": "constant", "radiance": _rgb((0.42, 0.62, 0.95))},
        "sun": {
            "type": "directional",
            "direction": [0.45, 0.35, -0.8],
            "irradiance": _rgb((2.2, 2.1, 1.9)),
        },
        "camera": _camera(local @ camera_to_global, intrinsic, image_size),
        **{f"shape_{i}": shape for i, shape in enumerate(shapes)},
    }
    image = mi.render(mi.load_dict(scene, parallel=False), seed=seed)
    srgb = mi.Bitmap(image).convert(mi.Bitmap.PixelFormat.RGB, mi.Struct.Type.UInt8, True)
    return np.array(srgb)


def _camera(pose: np.ndarray, intrinsic: np.ndarray, image_size: tuple[int, int]) -> dict:
    width, height = image_size
    return {
        "type": "perspective",
        # Mitsuba's camera looks along z with x left and y up.
        "to_world": mi.ScalarTransform4f(pose @ np.diag([-1.0, -1.0, 1.0, 1.0])),
        "fov_axis": "x",
        "fov": float(np.rad2deg(2 * np.arctan2(width / 2, intrinsic[0, 0]))),
        "principal_point_offset_x": float(0.5 - intrinsic[0, 2] / width),
        "principal_point_offset_y": float(0.5 - intrinsic[1, 2] / height),
        "near_clip": 0.05,
        "far_clip": 2 * GROUND_EXTENT,
        "film": {
            "type": "hdrfilm",
            "width": width,
            "height": height,
            "pixel_format": "rgb",
            # A wider filter would add up neighbouring blocks in the order in which threads end.
            "rfilter": {"type": "box"},
        },
        "sampler": {"type": "stratified", "sample_count": SAMPLES_PER_PIXEL},
    }


def _along(world: World, camera_to_global: np.ndarray) -> np.ndarray:
    """Shift along the road to the camera, so that the finite ground is always around it."""
    shift = np.eye(4)
    shift[0, 3] = (np.linalg.inv(world.road) @ camera_to_global[:, 3])[0]
    return shift


def _ground(road: np.ndarray) -> Iterator[dict]:
    for level, (offset, width, colour) in enumerate(STRIPS):
        strip = np.diag([GROUND_EXTENT, width / 2, 1.0, 1.0])
        strip[1:3, 3] = offset, level * STRIP_STEP
        yield _rectangle(road @ strip, colour)


def _faces(thing: Thing, time: float, local: np.ndarray) -> Iterator[dict]:
    """Five faces of an object; the front is dark and the rear reddish, to show its heading."""
    box = thing.solid(time)
    body = np.array(thing.colour)
    colours = {
        (0, 1): 0.25 * body,
        (0, -1): 0.5 * body + (0.25, 0, 0),
        (1, 1): body,
        (1, -1): body,
        (2, 1): np.minimum(1.15 * body, 0.95),
    }
    half = np.divide(box.size, 2)
    for (axis, sign), colour in colours.items():
        u, v = (axis + 1) % 3, (axis + 2) % 3
        face = np.zeros((4, 4))
        face[u, 0], face[v, 1], face[axis, 2], face[3, 3] = half[u], sign * half[v], sign, 1
        face[axis, 3] = sign * half[axis]
        yield _rectangle(local @ box.pose @ face, colour)


def _rectangle(pose: np.ndarray, colour: Sequence[float]) -> dict:
    return {
        "type": "rectangle",
        "to_world": mi.ScalarTransform4f(pose),
        "bsdf": {"type": "diffuse", "reflectance": _rgb(colour)},
    }


def _rgb(colour: Sequence[float]) -> dict:
    return {"type": "rgb", "value": [float(value) for value in colour]}
