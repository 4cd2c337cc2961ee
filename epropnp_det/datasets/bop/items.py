"""Crops to be made of BOP's scenes: one record an object, so that a million fit into memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from .format import Scene
from .listed import Detections, Targets

ITEM = np.dtype(
    [
        ("split", "i4"),
        ("scene_id", "i4"),
        ("im_id", "i4"),
        ("image_file", "i4"),
        ("gt_index", "i4"),
        ("label", "i4"),
        ("box", "f8", 4),
        ("visib_fract", "f8"),
        ("score", "f8"),
        ("time", "f8"),
        ("cam2img", "f8", (3, 3)),
        ("pose", "f4", 7),
    ]
)
"""One crop of one object: the split's index, image, ``IMAGE_FILES`` index, place in the list of
true objects or -1, label, box (x, y, width, height), visible fraction, score and time of the
detection, intrinsics and, where the place is not -1, the pose: metres, quaternion w, i, j, k.
"""

_MM = 1e-3

# A detection is of the true object that it overlaps at least by this.
_LEAST_OVERLAP = 0.5


def true_items(scene: Scene, split: int, obj_ids: Sequence[int], box: str) -> np.ndarray:
    """Items of the annotated objects of a scene.

    Args:
        scene: with its truth.
        split: index of the split.
        obj_ids: the objects, by label; others are left out.
        box: ``bbox_obj`` or ``bbox_visib``.

    Returns:
        Records (N,) of ``ITEM``, by image; their score is 1, their time -1.
    """
    truth = scene.truth
    label = _labels(truth.obj_id, obj_ids)
    kept = label >= 0
    row = truth.row[kept]
    items = np.zeros(len(row), ITEM)
    _set_image(items, scene, row, split)
    items["gt_index"] = truth.gt_index[kept]
    items["label"] = label[kept]
    items["box"] = getattr(truth, box)[kept]
    items["visib_fract"] = truth.visib_fract[kept]
    items["score"], items["time"] = 1, -1
    items["pose"] = _poses(truth.rotation[kept], truth.translation[kept])
    return items


def detected_items(
    scene: Scene, split: int, obj_ids: Sequence[int], detections: Detections, chosen: np.ndarray
) -> np.ndarray:
    """Items of the boxes that a detector found in a scene.

    A detection is of the annotated object that it overlaps most and by half of the area that the
    two cover, if no better-scored one is of it already.

    Args:
        scene: its truth may be absent.
        split: index of the split.
        obj_ids: the objects, by label.
        detections: of the whole test.
        chosen: (N,) which of these to take, of images of the scene and of the objects.

    Returns:
        Records (N,) of ``ITEM``.
    """
    items = np.zeros(len(chosen), ITEM)
    row = np.searchsorted(scene.im_ids, detections.im_id[chosen])
    _set_image(items, scene, row, split)
    items["label"] = _labels(detections.obj_id[chosen], obj_ids)
    for key in ("box", "score", "time"):
        items[key] = getattr(detections, key)[chosen]
    items["gt_index"], items["visib_fract"] = -1, np.nan
    if scene.truth is not None:
        _associate(items, row, scene, obj_ids)
    return items


def of_targets(items: np.ndarray, targets: Targets, obj_ids: Sequence[int]) -> np.ndarray:
    """The items that a test asks for: of each target the best-scored, or of true objects the most
    visible, as many as there are instances to be found.

    Args:
        items: records (N,) of ``ITEM`` of one split.
        targets: what is asked for.
        obj_ids: the objects, by label.

    Returns:
        Records (M,), in the order in which they were.
    """
    left: dict[tuple[int, int, int], int | None] = {}
    kept = []
    for index in np.lexsort((-items["visib_fract"], -items["score"])).tolist():
        scene, image, label = (int(items[index][key]) for key in ("scene_id", "im_id", "label"))
        target = scene, image, label
        if target not in left:
            left[target] = targets.count(scene, image, obj_ids[label])
        if left[target] is None:
            kept.append(index)
        elif left[target] > 0:
            left[target] -= 1
            kept.append(index)
    return items[np.sort(np.array(kept, int))]


def of_images(items: np.ndarray, images: dict[int, set[int]], within: bool = True) -> np.ndarray:
    """The items of listed images, or of those that are not listed.

    Args:
        items: records (N,) of ``ITEM``.
        images: numbers of images by scene.
        within: whether the listed ones are kept.
    """
    scenes, numbers = items["scene_id"], items["im_id"]
    listed = np.zeros(len(items), bool)
    for scene in np.unique(scenes).tolist():
        of_scene = scenes == scene
        listed[of_scene] = np.isin(numbers[of_scene], list(images.get(scene, ())))
    return items[listed == within]


def _labels(found: np.ndarray, obj_ids: Sequence[int]) -> np.ndarray:
    """Index of each object's number (N,) among the ascending ``obj_ids``, -1 where it is none."""
    known = np.asarray(obj_ids, int)
    label = np.searchsorted(known, found).clip(max=len(known) - 1)
    return np.where(known[label] == found, label, -1)


def _set_image(items: np.ndarray, scene: Scene, row: np.ndarray, split: int) -> None:
    items["split"], items["scene_id"] = split, scene.scene_id
    items["im_id"], items["image_file"] = scene.im_ids[row], scene.image_files[row]
    items["cam2img"] = scene.cam2img[row]


def _poses(rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
    """[x, y, z, w, i, j, k] (N, 7), metres, of rotations and translations in millimetres."""
    if not len(rotation):
        return np.zeros((0, 7))
    quaternions = Rotation.from_matrix(rotation).as_quat(scalar_first=True)
    return np.column_stack([translation * _MM, quaternions])


def _associate(items: np.ndarray, row: np.ndarray, scene: Scene, obj_ids: Sequence[int]) -> None:
    """Set the place and the pose of the true object that each detection shows."""
    truth = scene.truth
    true_labels = _labels(truth.obj_id, obj_ids)
    poses = _poses(truth.rotation, truth.translation)
    first = np.searchsorted(truth.row, np.arange(len(scene.im_ids) + 1))
    taken = np.zeros(len(truth.row), bool)
    for index in np.argsort(-items["score"], kind="stable").tolist():
        candidates = np.arange(first[row[index]], first[row[index] + 1])
        candidates = candidates[
            (true_labels[candidates] == items["label"][index]) & ~taken[candidates]
        ]
        if not len(candidates):
            continue
        overlaps = np.maximum(
            *(
                _overlaps(items["box"][index], box[candidates])
                for box in (truth.bbox_obj, truth.bbox_visib)
            )
        )
        best = candidates[overlaps.argmax()]
        if overlaps.max() >= _LEAST_OVERLAP:
            taken[best] = True
            items["gt_index"][index], items["pose"][index] = truth.gt_index[best], poses[best]
            items["visib_fract"][index] = truth.visib_fract[best]


def _overlaps(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of a box (4,) with others (N, 4), x, y, width, height."""
    first = np.maximum(box[:2], boxes[:, :2])
    last = np.minimum(box[:2] + box[2:], boxes[:, :2] + boxes[:, 2:])
    shared = (last - first).clip(min=0).prod(axis=1)
    return shared / np.maximum(box[2:].prod() + boxes[:, 2:].prod(axis=1) - shared, 1e-9)
