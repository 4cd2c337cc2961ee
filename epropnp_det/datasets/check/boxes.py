"""Boxes: numbers that can be those of an object, and that agree with each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from tqdm import tqdm

from ..box_projection import box_corners, project_boxes
from .findings import Finding, Kind, listed, marked
from .frames import camera_fault
from .listing import Listing

NO_CLASS = Kind(
    "boxes with a label that no class has",
    "write the position in the classes, which metainfo.categories names, or -1 to leave them out",
)
NO_FIELD = Kind("boxes that lack a field, or hold another number of values in it", "write it")
TWO_LABELS = Kind("boxes whose bbox_label is not bbox_label_3d", "write the same label twice")
NOT_FINITE = Kind(
    "boxes with numbers that are not finite",
    "correct or leave out these; NaN is for unknown velocities alone",
)
NO_SIZE = Kind(
    "boxes of a size not above zero", "write length, height and width in metres, or leave them out"
)
BEHIND = Kind(
    "boxes whose centre is behind the camera",
    "write them in the frame of the camera (right, down, forward), or leave them out",
)
DEGREES = Kind("boxes with a yaw of more than two turns", "write radians, not degrees")
NO_2D = Kind("empty 2D boxes", "write x1, y1, x2, y2 in pixels, not width and height")
OUTSIDE = Kind("2D boxes outside of their image", "leave out objects that it does not show")
MOST_DISAGREE = Kind(
    "2D boxes that are not around the projected 3D boxes, which are so many that the camera matrix "
    "or the form of bbox_3d is wrong",
    "write gravity centre, length, height, width and yaw in the frame of the camera, and turn "
    "cameras level that are tilted far",
)
NO_ATTRIBUTE_NUMBER = Kind(
    "boxes with an attribute number out of range",
    "write the place in the list of attributes (of nuScenes, 0 to 7), or their number for none",
)
NOTHING_KEPT = Kind(
    "boxes that are all left out for a lack of points",
    "for labels made from images set filter_points=False of the data set",
)
NO_BOX = Kind("lists of objects, which are all empty", "write the objects into them")

BEYOND = Kind("2D boxes that reach beyond their image", "cut them, as project_box does", False)
SOME_DISAGREE = Kind(
    "2D boxes that are not around the projected 3D box",
    "look at these; project_box makes the 2D box",
    False,
)
CENTRE = Kind(
    "boxes whose center_2d or depth is not that of bbox_3d",
    "write the projected gravity centre and its z, which other detectors learn from",
    False,
)
UNFIT = Kind(
    "boxes with an attribute that does not fit their class",
    "correct it: no prediction will match it",
    False,
)
ODD_SIZE = Kind(
    "boxes of a height or length more than 5 times or less than a fifth of their class's median",
    "look at these",
    False,
)

# Sound boxes have 0.9 and more, those around leaning boxes somewhat less; with a bottom centre in
# the place of the gravity centre it is a third.
_POOR, _FALSE = 0.7, 0.5
_MANY = 0.25
# A sliver at the border can have a small overlap and be right. Pixels.
_EDGE = 3.0
_ODD = 5.0
_AT_ONCE = 4096  # boxes projected together


def box_findings(listing: Listing, sizes: Sequence[tuple[int, int] | None]) -> Iterator[Finding]:
    """What is wrong with the objects of an info file, the gravest first.

    Args:
        listing: its content.
        sizes: (width, height) of each image, pixels; None where it is not known.
    """
    objects = listing.objects
    labels = [-1, *listing.classes]
    known = np.isin(objects.label, labels) if listing.classes else objects.label >= -1
    complete = known & (objects.label >= 0) & (objects.lacks == "")
    sound = complete & _has_extent(listing)
    yield from _field_findings(listing, known, complete)
    yield from _number_findings(listing, complete)
    yield from _image_findings(listing, sizes, sound)
    yield from _attribute_findings(listing, complete)
    yield from marked(ODD_SIZE, _odd(objects.label, objects.box, sound), listing.object_name)
    if not len(objects):
        yield from listed(NO_BOX, [str(image) for image in listing.images if image.labelled])
    elif complete.any() and not objects.kept.any():
        yield from marked(NOTHING_KEPT, complete, listing.object_name)


def _has_extent(listing: Listing) -> np.ndarray:
    """(N,) whether both boxes are finite, have a size, and are ahead of the camera."""
    box, bbox = listing.objects.box, listing.objects.fields["bbox"]
    finite = np.isfinite(np.hstack([box, bbox])).all(1)
    size = (box[:, 3:6] > 0).all(1) & (bbox[:, 2:] > bbox[:, :2]).all(1)
    return finite & size & (box[:, 2] > 0)


def _field_findings(listing: Listing, known: np.ndarray, complete: np.ndarray) -> Iterator[Finding]:
    objects = listing.objects
    given, twice = (objects.fields[key][:, 0] for key in ("bbox_label_3d", "bbox_label"))
    lacking = objects.lacks != ""

    def name(i: int) -> str:
        return f"object {objects.number[i]} of {listing.images[objects.image[i]]}"

    yield from marked(NO_CLASS, ~known & ~lacking, lambda i: f"{given[i]:g} of {name(i)}")
    lacking &= objects.label != -1
    yield from marked(NO_FIELD, lacking, lambda i: f"{objects.lacks[i]} of {name(i)}")
    yield from marked(TWO_LABELS, complete & (given != twice), listing.object_name)


def _number_findings(listing: Listing, complete: np.ndarray) -> Iterator[Finding]:
    objects, name = listing.objects, listing.object_name
    box, bbox = objects.box, objects.fields["bbox"]
    finite = np.isfinite(np.hstack([box, bbox])).all(1)
    endless = np.isinf(objects.fields.get("velocity", np.zeros((len(objects), 2)))).any(1)
    yield from marked(NOT_FINITE, complete & (~finite | endless), name)
    finite &= complete
    yield from marked(NO_SIZE, finite & (box[:, 3:6] <= 0).any(1), name)
    yield from marked(BEHIND, finite & (box[:, 2] <= 0), name)
    yield from marked(DEGREES, finite & (abs(box[:, 6]) > 4 * np.pi), name)
    yield from marked(NO_2D, finite & (bbox[:, 2:] <= bbox[:, :2]).any(1), name)


def _image_findings(
    listing: Listing, sizes: Sequence[tuple[int, int] | None], sound: np.ndarray
) -> Iterator[Finding]:
    name, bbox = listing.object_name, listing.objects.fields["bbox"]
    known = np.array([size or (np.inf, np.inf) for size in sizes]).reshape(-1, 2)
    size = known[listing.objects.image]
    outside = (bbox[:, 2:] <= 0).any(1) | (bbox[:, :2] >= size).any(1)
    beyond = (bbox[:, :2] < -1).any(1) | (bbox[:, 2:] > size + 1).any(1)
    yield from marked(OUTSIDE, sound & outside, name)
    yield from marked(BEYOND, sound & beyond & ~outside, name)
    overlap, false_centre = _agreement(listing, sizes, sound)
    poor = overlap < _POOR
    if poor.sum() > _MANY * np.isfinite(overlap).sum():
        yield from marked(MOST_DISAGREE, poor, name)
    else:
        yield from marked(SOME_DISAGREE, overlap < _FALSE, name)
    yield from marked(CENTRE, false_centre, name)


def _attribute_findings(listing: Listing, complete: np.ndarray) -> Iterator[Finding]:
    if "attr_label" not in listing.objects.fields:
        return
    name, attribute = listing.object_name, listing.objects.fields["attr_label"][:, 0]
    numbered = np.isin(attribute, np.arange(listing.rig.no_attribute + 1))
    yield from marked(NO_ATTRIBUTE_NUMBER, complete & ~numbered, name)
    unfit, known = complete & numbered & ~_fitting(listing, attribute), listing.rig.attributes
    yield from marked(UNFIT, unfit, lambda i: f"{known[int(attribute[i])]} of {name(i)}")


def _agreement(
    listing: Listing, sizes: Sequence[tuple[int, int] | None], sound: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How boxes agree with the projections of their 3D boxes.

    Returns:
        (N,) intersection over union, 1 where the edges are near, NaN of what was not compared; and
        (N,) whether ``center_2d`` or ``depth`` is of something else.
    """
    objects = listing.objects
    overlap, false_centre = np.full(len(objects), np.nan), np.zeros(len(objects), bool)
    with tqdm(total=int(sound.sum()), unit="box", desc="boxes") as bar:
        for members, cam2img, size in _by_camera(listing, sizes, sound):
            box, bbox = objects.box[members], objects.fields["bbox"][members]
            corners = box_corners(box[:, :3], box[:, 3:6], _rotations(box[:, 6]))
            shown = project_boxes(corners, cam2img, size)
            projected = np.array([(0.0,) * 4 if each is None else each.bbox for each in shown])
            near = abs(projected - bbox).max(1) <= _EDGE
            overlap[members] = np.where(near, 1.0, _iou(projected, bbox))
            pixels = box[:, :3] @ cam2img.T
            depth = pixels[:, 2]
            off = abs(pixels[:, :2] / depth[:, None] - objects.fields["center_2d"][members])
            too_far = abs(depth - objects.fields["depth"][members, 0]) - 0.01 * depth
            # NaN is false, too.
            false_centre[members] = ~((off.max(1) <= _EDGE) & (too_far <= 0.1))
            bar.update(len(members))
    return overlap, false_centre


def _by_camera(
    listing: Listing, sizes: Sequence[tuple[int, int] | None], chosen: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, tuple[int, int]]]:
    """Numbers of chosen objects, some thousand at most, with the camera that they share."""
    cameras, group = {}, np.full(len(sizes), -1)
    for n, (image, size) in enumerate(zip(listing.images, sizes, strict=True)):
        if size is not None:
            key = image.cam2img.tobytes(), image.cam2img.shape, size
            group[n], _ = cameras.setdefault(key, (len(cameras), image))
    of_object = np.where(chosen, group[listing.objects.image], -1)
    order = np.argsort(of_object, kind="stable")
    starts = np.searchsorted(of_object[order], np.arange(len(cameras)))
    parts = np.split(order, starts)[1:]
    for ((*_, size), (_, image)), part in zip(cameras.items(), parts, strict=True):
        if not camera_fault(image, size):
            for start in range(0, len(part), _AT_ONCE):
                yield part[start : start + _AT_ONCE], image.cam2img, size


def _rotations(yaw: np.ndarray) -> np.ndarray:
    """(N, 3, 3) about the camera's y axis."""
    cos, sin, zero = np.cos(yaw), np.sin(yaw), np.zeros_like(yaw)
    rows = [[cos, zero, sin], [zero, zero + 1, zero], [-sin, zero, cos]]
    return np.moveaxis(np.array(rows), -1, 0)


def _iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N,) intersection over union of boxes (N, 4), pair by pair."""
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    common = sides.clip(0).prod(1)
    union = sum((x[:, 2:] - x[:, :2]).prod(1) for x in (a, b)) - common
    return common / union


def _fitting(listing: Listing, attribute: np.ndarray) -> np.ndarray:
    """(N,) whether an attribute fits its class; those of classes of one's own do."""
    rig, fits = listing.rig, np.ones(len(attribute), bool)
    for label, name in listing.classes.items():
        if name in rig.classes:
            fitting = rig.kit.fitting_attributes(name)
            allowed = [i for i, each in enumerate(rig.attributes) if each in fitting]
            fits &= (listing.objects.label != label) | np.isin(
                attribute, [*allowed, rig.no_attribute]
            )
    return fits


def _odd(label: np.ndarray, box: np.ndarray, sound: np.ndarray) -> np.ndarray:
    """(N,) whether length or height is far from the median of the class."""
    odd = np.zeros(len(label), bool)
    for one in np.unique(label[sound]):
        members = sound & (label == one)
        ratio = box[members, 3:5] / np.median(box[members, 3:5], axis=0)
        odd[members] = ((ratio > _ODD) | (ratio < 1 / _ODD)).any(1)
    return odd
