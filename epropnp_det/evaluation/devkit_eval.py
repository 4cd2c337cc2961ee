"""Evaluation by the devkit, under the names that mmdet3d gives its numbers."""

from __future__ import annotations

import os
from collections.abc import Sequence

from mmdet3d.evaluation.metrics import NuScenesMetric
from nuscenes import NuScenes
from nuscenes.eval.detection.constants import TP_METRICS
from nuscenes.eval.detection.data_classes import DetectionConfig

from ..datasets.rig import Rig
from ..devkits import Devkit, devkit_of
from ..errors import UserError
from .score_names import ScoreNames

# Under which the devkit of TruckScenes has the scores over all scenes, beside those by weather.
_ALL = "all"


def evaluation_config(rig: Rig, name: str | None = None) -> DetectionConfig:
    """Ranges and thresholds of the devkit, with the ranges that a rig has for itself.

    Args:
        rig: of the dataset.
        name: of the devkit's configuration; None for its usual one.

    Raises:
        UserError: the devkit has none of the name.
    """
    name = name or rig.kit.eval_version
    try:
        config = rig.kit.module("eval.common.config").config_factory(name)
    except AssertionError as error:
        raise UserError(f"The devkit of {rig.kit.title} has no eval_version {name}.") from error
    config.class_range.update(rig.class_range)
    return config


def _nothing_predicted(devkit: Devkit, config: DetectionConfig, path: str, folder: str) -> object:
    """The devkit's evaluation of a submission without any box, which its own loader refuses.

    Without predictions, its accumulation gives the same whatever the ground truth: AP 0, errors 1.
    """
    loaders = devkit.module("eval.common.loaders")
    box = devkit.module("eval.detection.data_classes").DetectionBox

    class NothingPredicted(devkit.module("eval.detection.evaluate").DetectionEval):
        def __init__(self) -> None:
            self.cfg = config
            self.output_dir = folder
            self.verbose = False
            self.pred_boxes, self.meta = loaders.load_prediction(
                path, config.max_boxes_per_sample, box
            )
            self.gt_boxes = devkit.module("eval.common.data_classes").EvalBoxes()
            self.pred_boxes_masks = self.gt_boxes_masks = {}

    return NothingPredicted()


def evaluate_submission(
    nusc: NuScenes, config: DetectionConfig, path: str, eval_set: str, empty: bool
) -> dict:
    """Evaluate a submission; `metrics_summary.json` and `metrics_details.json` land beside it.

    Args:
        nusc: tables with the annotations of the split.
        config: ranges and thresholds.
        path: the submission file, with every sample of the split.
        eval_set: split.
        empty: the submission has no box at all.

    Returns:
        The devkit's summary.
    """
    folder, devkit = os.path.dirname(path), devkit_of(nusc)
    if empty:
        evaluation = _nothing_predicted(devkit, config, path, folder)
    else:
        evaluate = devkit.module("eval.detection.evaluate").DetectionEval
        evaluation = evaluate(nusc, config, path, eval_set, folder, verbose=False)
    summary = evaluation.main(render_curves=False)
    return summary.get(_ALL, summary)


def metric_names(summary: dict, classes: Sequence[str], prefix: str) -> dict[str, float]:
    """Flatten the devkit's summary to the keys of the stock metric, so that `save_best` carries on.

    Args:
        summary: what `evaluate_submission` returns.
        classes: detection names to report one by one.
        prefix: stands before every key, as in 'pred_instances_3d_NuScenes'.

    Returns:
        '<prefix>/NDS', '/mAP', '/mATE' and so on, '/<class>_AP_dist_<metres>' and
        '/<class>_<error>'; NaN where the devkit defines no error (a traffic cone's heading).
    """
    numbers = {
        NuScenesMetric.ErrNameMapping[name]: value for name, value in summary["tp_errors"].items()
    }
    for name in classes:
        for distance, value in summary["label_aps"][name].items():
            numbers[f"{name}_AP_dist_{distance}"] = value
        for error, value in summary["label_tp_errors"][name].items():
            numbers[f"{name}_{error}"] = value
    numbers |= {"NDS": summary["nd_score"], "mAP": summary["mean_ap"]}
    return {f"{prefix}/{key}": float(value) for key, value in numbers.items()}


def score_names(config: DetectionConfig, classes: Sequence[str], prefix: str) -> ScoreNames:
    """The keys that `metric_names` will give, before anything is evaluated.

    Args:
        config: ranges and thresholds.
        classes: detection names to report one by one.
        prefix: stands before every key.
    """
    higher = ["NDS", "mAP", *(f"{n}_AP_dist_{d}" for n in classes for d in config.dist_ths)]
    lower = [
        *(NuScenesMetric.ErrNameMapping[name] for name in TP_METRICS),
        *(f"{name}_{error}" for name in classes for error in TP_METRICS),
    ]
    return ScoreNames(
        f"{prefix}/NDS",
        tuple(f"{prefix}/{key}" for key in higher),
        tuple(f"{prefix}/{key}" for key in lower),
    )
