"""The images that a training saw, in four numbers, kept with its weights.

A network that has seen 400 x 224 pixels of a lens of 320 pixels, level, knows what that looks like:
at another scale, or with the horizon in another row, it finds less and invents more. In ``meta`` of
a checkpoint, ``training_view`` holds the least and the most of the stored images, and of the
network's inputs before padding, pixels::

    {
        "image": {"width": [400, 400], "height": [224, 224], "focal": [202, 318], "row": [99, 105]},
        "input": {"width": [400, 400], "height": [168, 168], "focal": [202, 318], "row": [43, 49]},
    }

``focal`` is the mean of the two focal lengths, ``row`` that of the principal point.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmdet3d.registry import HOOKS
from mmdet3d.structures import Det3DDataSample
from mmengine.hooks import Hook
from mmengine.runner import Runner

VIEW_KEY = "training_view"

MARGIN = 1.25
"""A size or focal length may be so many times below or above what a training saw."""

ROW_MARGIN = 0.1
"""The principal point may be so many heights of an input above or below where a training saw it."""

_NAMES = {
    "width": "a width of",
    "height": "a height of",
    "focal": "a focal length of",
    "row": "its principal point in row",
}


@HOOKS.register_module()
class TrainingViewHook(Hook):
    """Writes the view of a training into its checkpoints; see the module.

    It is that of the images of the process that saves, since the training's beginning, interrupted
    or not. Data without cameras leave nothing.
    """

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | Sequence | None = None
    ) -> None:
        """Look at a batch."""
        samples = data_batch.get("data_samples", ()) if isinstance(data_batch, dict) else ()
        hub = runner.message_hub  # which outlasts an interruption
        for sample in samples:
            if views := _views_of(sample):
                seen = hub.runtime_info.get(VIEW_KEY, {})
                widened = {key: _widened(seen.get(key, {}), view) for key, view in views.items()}
                hub.update_info(VIEW_KEY, widened)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Copy what was seen into ``meta``."""
        if seen := runner.message_hub.runtime_info.get(VIEW_KEY):
            checkpoint["meta"][VIEW_KEY] = seen


def view_of(shape: Sequence[int], cam2img: np.ndarray | Sequence) -> dict[str, float]:
    """Width, height, focal length and row of the principal point of an image, pixels.

    Args:
        shape: (height, width, ...).
        cam2img: its camera matrix, (3, 3) or larger.
    """
    focal = float(np.mean([cam2img[0][0], cam2img[1][1]]))
    return {
        "width": int(shape[1]),
        "height": int(shape[0]),
        "focal": focal,
        "row": float(cam2img[1][2]),
    }


def fit_to_view(view: dict[str, float], trained: dict[str, Sequence[float]]) -> tuple[float, int]:
    """How to make a stored image one such as the training's.

    Of the factors that give it a focal length of the training's images, that is taken which brings
    its width nearest to theirs: a rig may have lenses of twice another's focal length, and the
    width tells a small image of the one from an ordinary one of the other. Rows at the top then put
    its principal point where it was in training, so that a pipeline that cuts rows off cuts the
    same part.

    Args:
        view: of the image.
        trained: ``training_view["image"]``.

    Returns:
        The factor to scale by, and how many rows to cut off the top thereafter; negative ones are
        to be added.
    """
    width = np.clip(view["width"], *trained["width"]) / view["width"]
    factor = float(np.clip(width, *(focal / view["focal"] for focal in trained["focal"])))
    row = factor * view["row"]
    return factor, round(row - np.clip(row, *trained["row"]))


def describe_strange_input(
    sample: Det3DDataSample, trained: dict[str, dict], fitted: bool = False
) -> str | None:
    """What of a network's input is far from all that its training saw, and the mend.

    Args:
        sample: of the input.
        trained: the view of the training, as in ``meta``.
        fitted: whether the image was fitted by :func:`fit_to_view`.

    Returns:
        A sentence without the image's name; None where all is within the margins.
    """
    views = _views_of(sample)
    tolerance = ROW_MARGIN * trained["input"]["height"][1]
    bounds = {name: (a / MARGIN, b * MARGIN) for name, (a, b) in trained["input"].items()}
    bounds["row"] = trained["input"]["row"][0] - tolerance, trained["input"]["row"][1] + tolerance
    strange = [
        f"{_NAMES[name]} {value:.0f} (in training {_range(trained['input'][name])})"
        for name, value in views["input"].items()
        if not bounds[name][0] <= value <= bounds[name][1]
    ]
    if not strange:
        return None
    factor, rows = fit_to_view(views["image"], trained["image"])
    if not fitted and (round(factor, 1) != 1 or abs(rows) > tolerance):
        mend = "fit it with --fit (fit=True)"
    else:
        size = " x ".join(_range(trained["image"][name]) for name in ("width", "height"))
        mend = f"crop or pad it to the proportions of the training's images, {size}"
    return (
        f"comes to the network with {' and '.join(strange)}, pixels, for which its boxes may be "
        f"wrong or invented: {mend}."
    )


def _views_of(sample: Det3DDataSample) -> dict[str, dict[str, float]]:
    """Of the stored image and of the network's input; empty without camera."""
    meta = sample.metainfo
    if not {"cam2img", "img_shape", "ori_shape"} <= meta.keys():
        return {}
    return {
        "image": view_of(meta["ori_shape"], meta.get("ori_cam2img", meta["cam2img"])),
        "input": view_of(meta["img_shape"], meta["cam2img"]),
    }


def _widened(ranges: dict[str, list[float]], view: dict[str, float]) -> dict[str, list[float]]:
    return {
        name: [min(value, *ranges.get(name, [value])), max(value, *ranges.get(name, [value]))]
        for name, value in view.items()
    }


def _range(ends: Sequence[float]) -> str:
    return " to ".join(dict.fromkeys(f"{end:.0f}" for end in ends))
