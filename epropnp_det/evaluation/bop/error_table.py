"""All errors of all pairs of an estimate and a true object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ...datasets.bop.coordinates import SurfaceCaster
from ...errors import UserError
from .estimates import Estimates
from .matching import Pairs
from .models import EvaluatedModel
from .pose_errors import (
    add,
    add_s,
    degrees_and_millimetres,
    mspd,
    mssd,
    reprojection_error,
)
from .protocol import Protocol, deg_cm_name
from .truth import Truth, depth_scales
from .visible_surface import CastRenderer, distance_image, union, vsd, window_of

_BOP_WIDTH = 640.0

_DEPTH_SUFFIXES = (".png", ".tif")


@dataclass(frozen=True, eq=False)
class ErrorTable:
    """Errors of M pairs.

    Attributes:
        diameter: (M,) of the model, mm.
        add: (M,) ADD, of symmetric objects ADD-S, mm.
        adi: (M,) ADD-S, mm; None where it is not asked for.
        mssd: (M,) mm.
        mspd: (M,) pixels of an image 640 wide.
        proj: (M,) mean reprojection error, pixels.
        deg_cm: by the name of a score (M,) errors by what is allowed.
        vsd: (M, T) by tolerance; None where it is not asked for.
    """

    diameter: np.ndarray
    add: np.ndarray
    adi: np.ndarray | None
    mssd: np.ndarray
    mspd: np.ndarray
    proj: np.ndarray
    deg_cm: Mapping[str, np.ndarray]
    vsd: np.ndarray | None


def error_table(
    pairs: Pairs,
    estimates: Estimates,
    truth: Truth,
    models: Mapping[int, EvaluatedModel],
    protocol: Protocol,
) -> ErrorTable:
    """Measure what a protocol asks for.

    Args:
        pairs: M pairs.
        estimates, truth: what they are of.
        models: those of the true objects.
        protocol: what is asked for.

    Raises:
        UserError: a depth image is missing, of another size or cannot be read.
    """
    names = ("diameter", "add", "adi", "mssd", "mspd", "proj")
    columns = {name: np.zeros(len(pairs)) for name in names}
    deg_cm = {deg_cm_name(pair): np.zeros(len(pairs)) for pair in protocol.deg_cm}
    obj_ids = truth.obj_id[pairs.true]
    for obj_id in np.unique(obj_ids).tolist():
        rows = np.flatnonzero(obj_ids == obj_id)
        model, true = models[obj_id], pairs.true[rows]
        poses = estimates.poses[pairs.estimate[rows]], truth.poses[true]
        cam2img, symmetries = truth.cam2img[true], model.symmetries
        columns["diameter"][rows] = model.diameter
        columns["add"][rows] = (add_s if model.symmetric else add)(*poses, model.points)
        if protocol.adi:
            alike = columns["add"][rows] if model.symmetric else add_s(*poses, model.points)
            columns["adi"][rows] = alike
        columns["mssd"][rows] = mssd(*poses, model.points, symmetries)
        columns["mspd"][rows] = mspd(*poses, model.points, symmetries, cam2img)
        columns["mspd"][rows] *= _BOP_WIDTH / truth.image_size[true, 0]
        columns["proj"][rows] = reprojection_error(*poses, model.points, cam2img, symmetries)
        for pair in protocol.deg_cm:
            errors = degrees_and_millimetres(*poses, symmetries, pair[0], 10 * pair[1])
            deg_cm[deg_cm_name(pair)][rows] = errors
    if not protocol.adi:
        columns["adi"] = None
    surfaces = _vsd_table(pairs, estimates, truth, models, protocol) if protocol.vsd else None
    return ErrorTable(**columns, deg_cm=deg_cm, vsd=surfaces)


def depth_path(split: Path, scene_id: int, im_id: int) -> Path:
    """The depth image of a number.

    Raises:
        UserError: there is none.
    """
    folder = split / f"{scene_id:06d}" / "depth"
    for suffix in _DEPTH_SUFFIXES:
        path = folder / f"{im_id:06d}{suffix}"
        if path.is_file():
            return path
    raise UserError(
        f"{folder} has no depth image {im_id:06d}, which VSD needs: unpack the depth images of the "
        "split, or set the evaluator's vsd=False."
    )


def read_depth(path: Path, scale: float, size: tuple[int, int]) -> np.ndarray:
    """Depth (h, w) in mm, 0 where unknown.

    Args:
        path: of the image.
        scale: mm of a unit.
        size: (width, height) that it must have.

    Raises:
        UserError: it cannot be read, has several channels or is of another size.
    """
    depth = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if depth is None or depth.shape != (size[1], size[0]):
        what = "cannot be read" if depth is None else f"has the shape {depth.shape}"
        raise UserError(
            f"the depth image {path} {what} where one channel of {size[0]} x {size[1]} is "
            "asked for: unpack it again."
        )
    return depth * float(scale)


def _vsd_table(
    pairs: Pairs,
    estimates: Estimates,
    truth: Truth,
    models: Mapping[int, EvaluatedModel],
    protocol: Protocol,
) -> np.ndarray:
    """(M, T)."""
    caster = SurfaceCaster()
    renderers = {each: CastRenderer(model.surface, caster) for each, model in models.items()}
    table = np.ones((len(pairs), len(protocol.vsd_taus)))
    scene, image, measured, scales = None, None, None, {}
    # An image is read once.
    for row in np.lexsort((truth.im_id[pairs.true], truth.scene_id[pairs.true])).tolist():
        true, found = int(pairs.true[row]), int(pairs.estimate[row])
        scene_id, im_id = int(truth.scene_id[true]), int(truth.im_id[true])
        size = tuple(truth.image_size[true].tolist())
        cam2img, model = truth.cam2img[true], models[int(truth.obj_id[true])]
        if scene_id != scene:
            scene, scales = scene_id, depth_scales(truth.split / f"{scene_id:06d}")
        if (scene_id, im_id) != image:
            image, path = (scene_id, im_id), depth_path(truth.split, scene_id, im_id)
            measured = distance_image(read_depth(path, scales[im_id], size), cam2img)
        motions = [
            (poses.rotation[index], poses.translation[index])
            for poses, index in ((estimates.poses, found), (truth.poses, true))
        ]
        corners = model.points.hull_rows.T
        windows = [window_of(corners, *motion, cam2img, size) for motion in motions]
        first = np.maximum(windows[0][:2], windows[1][:2])
        if (first >= np.minimum(windows[0][2:], windows[1][2:])).any():
            continue  # Nothing in common: the greatest error.
        left, top, right, bottom = window = union(*windows)
        renderer = renderers[model.obj_id]
        table[row] = vsd(
            measured[top:bottom, left:right],
            *(renderer.distance(*motion, cam2img, window) for motion in motions),
            model.diameter,
            protocol.vsd_delta,
            protocol.vsd_taus,
        )
    return table
