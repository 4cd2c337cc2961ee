"""What BOP's files tell of an image: poses, boxes, numbers of pixels, masks, depth.

Format: https://github.com/thodan/bop_toolkit/blob/master/docs/bop_datasets_format.md
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from .body import Body, Footprint
from .camera import Camera
from .render import Picture
from .shot import Shot

DEPTH_SCALE = 0.1  # millimetres that one step of the depth image stands for
FARTHEST = np.iinfo(np.uint16).max
NO_BOX = [-1, -1, -1, -1]
LEAST_VISIBLE = 0.1  # share of an instance that must be seen for it to be a target


@dataclass(frozen=True, eq=False)
class Instance:
    """What is told of one object in an image.

    Attributes:
        truth: its record in scene_gt.json.
        info: its record in scene_gt_info.json.
        mask: (height, width) all pixels of it in the image, as if nothing hid it.
        visible: (height, width) those that are seen.
    """

    truth: dict
    info: dict
    mask: np.ndarray
    visible: np.ndarray


def depth_image(picture: Picture) -> np.ndarray:
    """Depth (height, width) uint16, in steps of ``DEPTH_SCALE``; 0 beyond its range."""
    steps = np.round(picture.depth * (1000 / DEPTH_SCALE))
    return np.where(steps <= FARTHEST, steps, 0).astype(np.uint16)


def camera_record(camera: Camera) -> dict:
    """An image's record in scene_camera.json."""
    return {"cam_K": camera.matrix.ravel().tolist(), "depth_scale": DEPTH_SCALE}


def camera_file(camera: Camera) -> dict:
    """Content of the dataset's camera.json."""
    return {**asdict(camera), "depth_scale": DEPTH_SCALE}


def instances(shot: Shot, picture: Picture, camera: Camera) -> list[Instance]:
    """What is told of the annotated objects of a shot."""
    depth = depth_image(picture)
    found = zip(shot.objects, picture.footprints, strict=False)
    return [
        _instance(body, seen, picture.index == number, depth, camera)
        for number, (body, seen) in enumerate(found, 1)
    ]


def _instance(
    body: Body, seen: Footprint, visible: np.ndarray, depth: np.ndarray, camera: Camera
) -> Instance:
    mask = np.zeros(visible.shape, bool)
    inside = seen.window.within(camera.image)
    mask[camera.image.part(inside)] = seen.mask[seen.window.part(inside)]
    total, in_sight = int(seen.mask.sum()), int(visible.sum())
    corner = (seen.window.left, seen.window.top)
    info = {
        # What the image's border cuts off counts, and belongs to the box.
        "bbox_obj": bounding_box(seen.mask, corner) if in_sight else NO_BOX,
        "bbox_visib": bounding_box(visible, (0, 0)) if in_sight else NO_BOX,
        "px_count_all": total,
        "px_count_valid": int((depth[mask] > 0).sum()),
        "px_count_visib": in_sight,
        "visib_fract": in_sight / total if total else 0.0,
    }
    truth = {
        "cam_R_m2c": body.rotation.ravel().tolist(),
        "cam_t_m2c": (1000 * body.translation).tolist(),
        "obj_id": body.number,
    }
    return Instance(truth, info, mask, visible)


def bounding_box(mask: np.ndarray, corner: tuple[int, int]) -> list[int]:
    """(x, y, width, height) as BOP counts them: from the first pixel to the last.

    Args:
        mask: (height, width) with at least one pixel set.
        corner: x and y of its first pixel.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    left, top = columns[0], rows[0]
    return [
        int(left + corner[0]),
        int(top + corner[1]),
        int(columns[-1] - left),
        int(rows[-1] - top),
    ]


def targets(scene_number: int, truth: dict, info: dict) -> list[dict]:
    """What is to be found in a test scene, image by image, as test_targets_bop19.json lists it.

    Args:
        scene_number: the scene.
        truth: content of its scene_gt.json.
        info: content of its scene_gt_info.json.
    """
    return [
        {"im_id": int(image), "inst_count": 1, "obj_id": one["obj_id"], "scene_id": scene_number}
        for image, found in truth.items()
        for one, seen in zip(found, info[image], strict=True)
        if seen["visib_fract"] >= LEAST_VISIBLE
    ]
