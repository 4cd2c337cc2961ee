"""The metric that mmengine drives: predictions of single images in, nuScenes scores out."""

from __future__ import annotations

import logging
import os
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from mmdet3d.evaluation.metrics import NuScenesMetric
from mmdet3d.registry import METRICS
from mmdet3d.structures import CameraInstance3DBoxes
from mmengine.dist import is_main_process
from mmengine.logging import print_log
from nuscenes import NuScenes

from ..command_line import check_output_folder
from ..datasets.nuscenes_tables import load_tables
from ..datasets.rig import Rig
from ..errors import UserError
from .attributes import choose_attributes
from .camera_views import CameraView
from .devkit_eval import evaluate_submission, metric_names, score_names
from .evaluated_file import EvaluatedFile
from .evaluated_tables import prepare_tables
from .geometry import camera_boxes_to_global
from .merging import merge_cameras
from .score_names import ScoreNames
from .splits import check_samples, check_split, resolve_split, samples_of_split
from .submission import submission_boxes, write_submission
from .truth_checks import (
    check_annotated_attributes,
    check_truth,
    nothing_to_compare,
    say_unseen,
)

_RESULT_NAME = "pred_instances_3d"
_PREFIX = f"{_RESULT_NAME}_NuScenes"
_UNANNOTATED = "test"


@METRICS.register_module()
class NuScenesMonoMetric(NuScenesMetric):
    """nuScenes detection metric for predictions of single images.

    Boxes go from each camera through the ego pose at that image's own timestamp to the global
    frame with their full orientation, so that ground truth comes back exactly. There the cameras
    of a sample are merged; the devkit evaluates the submission file on any of its splits.

    Data samples are those of the stock metric: `sample_idx`, and `pred_instances_3d` with
    `bboxes_3d` (`CameraInstance3DBoxes` of 7 or 9 numbers, on any device), `scores_3d`,
    `labels_3d` and optionally `attr_labels`; or `attr_scores` (N, 9), of which the best that fits
    the class is taken. The info file tells which dataset it is of; that of a rig which is not
    nuScenes' (`Rig`) has other classes and attributes, and its own devkit evaluates it.

    Args:
        data_root: nuScenes dataroot; it may hold only some of a split's scenes.
        ann_file: info file of the evaluated dataset, ours or stock mmdet3d's.
        metric: 'bbox', the only one.
        modality: sensors for the submission's `meta`. Default: camera alone.
        prefix: see the stock metric.
        format_only: only write the submission, for a split without annotations.
        jsonfile_prefix: folder for `pred_instances_3d/results_nusc.json` and the devkit's
            summaries; a temporary one if None.
        eval_version: name of the devkit's configuration of ranges and thresholds; None for the
            usual one. A rig's own ranges go before its.
        collect_device: see the stock metric.
        backend_args: see the stock metric.
        version: nuScenes version. Default: that of the info file, else of `dataset_meta`.
        eval_set: any split that the devkit knows. Default: mini_val, val or test, by version.
        nms_thr: intersection over union in bird's-eye view above which, within a class, the worse
            of two boxes goes; None keeps all.
        max_boxes: at most so many boxes a sample.
        score_thr: boxes below this score go.
        filter_points: whether objects without LiDAR and radar points do not count, as in nuScenes.
            False counts all, for labels that were made from images.
        visible_only: whether only the objects count that an image of `ann_file` shows, for rigs
            that do not see all around; it must be an info file of tools/create_data.py.

    Raises:
        UserError: a setting does not fit the data; its message says which.
    """

    def __init__(
        self,
        data_root: str,
        ann_file: str,
        metric: str | list[str] = "bbox",
        modality: dict | None = None,
        prefix: str | None = None,
        format_only: bool = False,
        jsonfile_prefix: str | None = None,
        eval_version: str | None = None,
        collect_device: str = "cpu",
        backend_args: dict | None = None,
        version: str | None = None,
        eval_set: str | None = None,
        nms_thr: float | None = 0.25,
        max_boxes: int = 500,
        score_thr: float = 0.0,
        filter_points: bool = True,
        visible_only: bool = False,
    ) -> None:
        if format_only and jsonfile_prefix is None:
            raise UserError("format_only needs jsonfile_prefix, the folder to write to.")
        if metric not in ("bbox", ["bbox"]):
            raise UserError(f"NuScenesMonoMetric knows the metric 'bbox' alone, not {metric!r}.")
        super().__init__(
            data_root,
            ann_file,
            metric=metric,
            modality=modality or {"use_camera": True, "use_lidar": False},
            prefix=prefix,
            format_only=format_only,
            jsonfile_prefix=jsonfile_prefix,
            collect_device=collect_device,
            backend_args=backend_args,
        )
        # The same in the configuration of every devkit.
        limit = self.eval_detection_configs.max_boxes_per_sample
        if max_boxes > limit:
            raise UserError(f"nuScenes allows {limit} boxes a sample, not max_boxes={max_boxes}.")
        if max_boxes < 1:
            raise UserError(f"max_boxes is {max_boxes}: give at least 1.")
        if nms_thr is not None and not 0 <= nms_thr <= 1:
            raise UserError(f"nms_thr is {nms_thr}: give one from 0 to 1, or None to keep all.")
        self.eval_version = eval_version
        self.version = version
        self.eval_set = eval_set
        self.nms_thr = nms_thr
        self.max_boxes = max_boxes
        self.score_thr = score_thr
        self.filter_points = filter_points
        self.visible_only = visible_only

    @NuScenesMetric.dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict) -> None:
        """Classes and version of the evaluated dataset.

        mmengine sets it when it builds the loop, so a wrong setting is noticed before training.

        Raises:
            UserError: the settings do not fit the data.
        """
        self._dataset_meta = dataset_meta
        if is_main_process():
            if self._file.rig != self._rig:
                raise UserError(
                    f"{self.ann_file} is of another rig than the evaluated data set: set ann_file "
                    "to its info file."
                )
            if self.jsonfile_prefix is not None:
                check_output_folder(self.jsonfile_prefix, "the evaluator's jsonfile_prefix")
            version, eval_set = self._target()
            check_split(self.data_root, version, eval_set, self._file.views.sample_tokens)
            say_unseen(self._file.views, self.data_root, version, self.visible_only)
            if not self.format_only:
                self._check_truth(version, eval_set)

    @property
    def score_names(self) -> ScoreNames:
        """Keys of the scores."""
        return score_names(self._file.config, self._classes, _PREFIX)

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep what the merge needs of every image, on the CPU.

        Args:
            data_batch: not used.
            data_samples: predictions of a batch of images.

        Raises:
            UserError: the boxes are not a camera's.
        """
        for data_sample in data_samples:
            self.results.append(
                {
                    "sample_idx": int(data_sample["sample_idx"]),
                    _RESULT_NAME: self._columns(data_sample[_RESULT_NAME]),
                }
            )

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Write the submission and evaluate it.

        Args:
            results: what `process` kept, of all ranks. An image that a padding sampler repeated
                counts once.

        Returns:
            Scores under the stock metric's names; empty with `format_only`.

        Raises:
            UserError: the evaluated images are not those of the split, or it has no annotations.
        """
        version, eval_set = self._target()
        nusc = load_tables(self.data_root, version)
        visible = self._file.truth.visible if self.visible_only else None
        prepare_tables(nusc, self._file.categories, self.filter_points, visible, self._rig)
        tokens = samples_of_split(nusc, eval_set)
        images = {result["sample_idx"]: result[_RESULT_NAME] for result in results}
        submission = self._submission(images, nusc, eval_set, tokens)

        with tempfile.TemporaryDirectory() as scratch:
            folder = self.jsonfile_prefix or scratch
            path = os.path.join(folder, _RESULT_NAME, "results_nusc.json")
            write_submission(path, submission, self.modality, self.max_boxes, self._rig.kit)
            if self.jsonfile_prefix is not None:
                print_log(f"nuScenes submission: {path}", "current")
            if self.format_only:
                return {}
            empty = not any(submission.values())
            summary = evaluate_submission(nusc, self._file.config, path, eval_set, empty)
        self._say_what_counts(summary)
        return metric_names(summary, self._classes, _PREFIX)

    def _say_what_counts(self, summary: dict) -> None:
        """The scores are means over all classes of the devkit, also those that are not learnt."""
        everything = self._file.config.class_names
        if set(self._classes) == set(everything):
            return
        own = np.mean([summary["mean_dist_aps"][name] for name in self._classes])
        print_log(
            f"mAP and NDS are means over the {len(everything)} classes of {self._rig.kit.title}, "
            f"of which "
            f"{len(everything) - len(self._classes)} are not among this data set's and count as 0 "
            f"(their errors as 1). Over its own classes alone mAP is {own:.4f}.",
            "current",
        )

    @property
    def _rig(self) -> Rig:
        return Rig.of_metainfo(self.dataset_meta)

    @cached_property
    def _file(self) -> EvaluatedFile:
        return EvaluatedFile.read(self.ann_file, self.eval_version, self.backend_args)

    @property
    def _classes(self) -> Sequence[str]:
        return self.dataset_meta["classes"]

    def _target(self) -> tuple[str, str]:
        """Version and split to evaluate."""
        unknown = set(self._classes) - set(self._file.config.class_names)
        if unknown:
            raise UserError(
                f"{self._rig.kit.title} has no detection class {', '.join(sorted(unknown))}."
            )
        version = self.version or self._file.version or self.dataset_meta.get("version")
        if version is None:
            raise UserError(f"{self.ann_file} does not name its nuScenes version: set version.")
        eval_set = resolve_split(self.data_root, version, self.eval_set)
        if not self.format_only and eval_set == _UNANNOTATED:
            raise nothing_to_compare(self.data_root, eval_set)
        return version, eval_set

    def _check_truth(self, version: str, eval_set: str) -> None:
        check_truth(self._file, self.data_root, version, eval_set, self.filter_points)
        if self.visible_only and self._file.truth.visible is None:
            raise UserError(
                f"visible_only needs to know what the images show, and {self.ann_file} does not "
                "tell which annotations: make it with tools/create_data.py."
            )
        if not self._file.attributes_checked:
            check_annotated_attributes(self._file, self.data_root, version)

    def _columns(self, predictions: dict) -> dict[str, np.ndarray]:
        """Boxes (N, 9), scores, labels and attribute names of one image."""
        boxes = predictions["bboxes_3d"]
        if not isinstance(boxes, CameraInstance3DBoxes):
            raise UserError(
                f"NuScenesMonoMetric takes CameraInstance3DBoxes, not {type(boxes).__name__}: "
                "use NuScenesMetric for these."
            )

        def column(name: str) -> np.ndarray | None:
            return _to_numpy(predictions[name]) if name in predictions else None

        scores, labels = column("scores_3d"), column("labels_3d").astype(np.int64)
        tensor = _to_numpy(boxes.tensor)
        # Heads that predict no velocity give seven numbers a box.
        tensor = np.pad(tensor[:, :9], ((0, 0), (0, max(0, 9 - tensor.shape[1]))))
        attributes = choose_attributes(
            self._classes, labels, column("attr_scores"), column("attr_labels"), self._rig
        )
        sound = np.isfinite(tensor[:, :7]).all(axis=1) & np.isfinite(scores)
        sound &= (tensor[:, 3:6] > 0).all(axis=1)
        if not sound.all():
            print_log(
                f"{(~sound).sum()} predicted boxes are not finite or have no size: left out.",
                "current",
                logging.WARNING,
            )
        keep = sound & (scores >= self.score_thr)
        return {
            "boxes": tensor[keep],
            "scores": scores[keep],
            "labels": labels[keep],
            "attributes": attributes[keep],
        }

    def _submission(
        self, images: dict[int, dict], nusc: NuScenes, eval_set: str, tokens: list[str]
    ) -> dict[str, list[dict]]:
        """Merged boxes of every sample of the split."""
        samples = defaultdict(list)
        approximate = 0
        for sample_idx, columns in images.items():
            view = self._view(sample_idx)
            ego2global = view.own_ego_pose(nusc)
            if ego2global is None:
                ego2global = view.lidar_ego2global
                approximate += 1
            samples[view.sample_token].append((ego2global @ view.cam2ego, columns))
        if approximate:
            print_log(
                f"{approximate} images have an ego pose neither in {self.ann_file} nor in the "
                "tables: that of the LiDAR is used, and boxes may be off by some decimetres.",
                "current",
                logging.WARNING,
            )
        check_samples(tokens, samples.keys(), eval_set, Path(nusc.dataroot, nusc.version))
        split = set(tokens)
        if foreign := samples.keys() - split:
            print_log(
                f"{len(foreign)} evaluated samples are not of split {eval_set} and do not count.",
                "current",
            )
        views = self._file.views.by_sample_idx
        if absent := {i for i in views.keys() - images.keys() if views[i].sample_token in split}:
            print_log(
                f"{len(absent)} images of {self.ann_file} were not evaluated: what only they show "
                "counts as missed.",
                "current",
                logging.WARNING,
            )
        return {token: self._merged(token, samples[token], nusc) for token in tokens}

    def _view(self, sample_idx: int) -> CameraView:
        try:
            return self._file.views.by_sample_idx[sample_idx]
        except KeyError as error:
            raise UserError(
                f"Image {sample_idx} is not in {self.ann_file}: set ann_file to the info file of "
                "the evaluated dataset."
            ) from error

    def _merged(
        self, token: str, images: list[tuple[np.ndarray, dict]], nusc: NuScenes
    ) -> list[dict]:
        """Submission entries of one sample from the (camera pose, predictions) of its images."""
        poses, columns = zip(*images, strict=True)
        counts = [len(column["scores"]) for column in columns]
        stacked = {
            name: np.concatenate([column[name] for column in columns]) for name in columns[0]
        }
        boxes = camera_boxes_to_global(stacked["boxes"], np.repeat(poses, counts, axis=0))
        lidar = nusc.get("sample_data", nusc.get("sample", token)["data"][self._rig.kit.lidar])
        ego_position = nusc.get("ego_pose", lidar["ego_pose_token"])["translation"]
        class_range = self._file.config.class_range
        keep = merge_cameras(
            boxes,
            stacked["scores"],
            stacked["labels"],
            np.asarray(ego_position),
            [class_range[name] for name in self._classes],
            self.nms_thr,
            self.max_boxes,
        )
        return submission_boxes(
            token,
            boxes[keep],
            [self._classes[label] for label in stacked["labels"][keep]],
            stacked["scores"][keep],
            stacked["attributes"][keep].tolist(),
        )


def _to_numpy(values: torch.Tensor) -> np.ndarray:
    values = values.detach().cpu()
    return values.float().numpy() if values.is_floating_point() else values.numpy()
