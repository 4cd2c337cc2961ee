"""KITTI's average precision for predictions in the frame of camera 2, with or without a GPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from importlib import import_module
from pathlib import Path

import numpy as np
import shapely
import torch
from mmdet3d.evaluation.metrics import KittiMetric
from mmdet3d.registry import METRICS
from mmengine.dist import is_main_process

from ..command_line import check_output_folder
from ..datasets.info_file import read_info_file
from ..datasets.kitti_calibration import camera_offset
from ..datasets.kitti_labels import DONT_CARE
from ..errors import UserError
from ..rotated_nms import footprints
from .score_names import ScoreNames

# Not an attribute of its package, where the name is that of Python's own eval.
_stock = import_module("mmdet3d.evaluation.functional.kitti_utils.eval")

_EVALUATED = ("Car", "Pedestrian", "Cyclist")

# A region as KITTI's labels have it; it covers nothing.
_NOTHING = dict(
    name=np.array([DONT_CARE]),
    truncated=np.array([-1.0]),
    occluded=np.array([-1]),
    alpha=np.array([-10.0]),
    bbox=np.full((1, 4), -1.0),
    location=np.full((1, 3), -1000.0),
    dimensions=np.full((1, 3), -1.0),
    rotation_y=np.array([-10.0]),
    score=np.array([0.0]),
)


@METRICS.register_module()
class KittiMonoMetric(KittiMetric):
    """The stock metric for :class:`~epropnp_det.datasets.KittiMonoDataset`.

    Predicted boxes go from the frame of camera 2 to that of KITTI's labels, the rectified camera
    0. The stock metric computes overlaps of rotated boxes with a CUDA kernel alone; where there is
    no GPU shapely's polygons take its place. KITTI evaluates cars, pedestrians and cyclists: other
    classes have no scores here, and no share in the overall ones. Images without labels, which
    KITTI does not have, may come anywhere.
    """

    @KittiMetric.dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict) -> None:
        """Classes of the evaluated data set, which mmengine sets when it builds the loop.

        Raises:
            UserError: the annotation file has no object of an evaluated class to compare with, or
                the data set has no such class.
        """
        self._dataset_meta = dataset_meta
        if not is_main_process():
            return
        for name in ("pklfile_prefix", "submission_prefix"):
            prefix = getattr(self, name)
            if prefix is not None:
                check_output_folder(Path(prefix).parent, f"the evaluator's {name}")
        if self.format_only:
            return
        if not self._evaluated:
            raise UserError(
                f"KITTI evaluates {', '.join(_EVALUATED)}, and metainfo.classes has none of them: "
                "name one, or set format_only and submission_prefix to write predictions alone."
            )
        content = read_info_file(self.ann_file, self.backend_args)
        numbers = content["metainfo"].get("categories", {})
        labels = {numbers[name] for name in self._evaluated if name in numbers}
        objects = (each for frame in content["data_list"] for each in frame.get("instances", ()))
        if not any(each["bbox_label"] in labels for each in objects):
            raise UserError(
                f"{self.ann_file} has no object to compare with, no {' or '.join(self._evaluated)}:"
                " set ann_file to the file of a labelled split, or format_only and "
                "submission_prefix to write predictions alone."
            )

    @property
    def _evaluated(self) -> list[str]:
        return [name for name in self.dataset_meta["classes"] if name in _EVALUATED]

    @property
    def score_names(self) -> ScoreNames:
        """Keys of the scores."""
        classes = self._evaluated
        levels = ("easy", "moderate", "hard")
        names = [
            f"{name}_{{}}_{level}_{rule}"
            for name in classes
            for level in levels
            for rule in ("strict", "loose")
        ]
        main = f"{classes[0]}_{{}}_moderate_strict"
        if len(classes) > 1:
            names += [f"Overall_{{}}_{level}" for level in levels]
            main = "Overall_{}_moderate"
        kinds = [f"{box}_{rule}" for rule in ("AP40", "AP11") for box in ("3D", "BEV", "2D")]
        root = "pred_instances_3d/KITTI"
        return ScoreNames(
            f"{root}/{main.format('3D_AP40')}",
            tuple(f"{root}/{name.format(kind)}" for kind in kinds for name in names),
        )

    def convert_valid_bboxes(self, box_dict: dict, info: dict) -> dict:
        """As the stock method, for boxes (:class:`CameraInstance3DBoxes`) of camera 2."""
        offset = camera_offset(info["images"][self.default_cam_key]["cam2img"])
        boxes = box_dict["bboxes_3d"].clone()
        boxes.translate(boxes.tensor.new_tensor(-offset))
        return super().convert_valid_bboxes({**box_dict, "bboxes_3d": boxes}, info)

    def convert_annos_to_kitti_annos(self, data_infos: dict) -> list[dict]:
        """As the stock method, whose evaluation stumbles over images without any label."""
        frames = super().convert_annos_to_kitti_annos(data_infos)
        for frame in frames:
            if not self.format_only and not frame["instances"]:
                frame["kitti_annos"] = _NOTHING
        return frames

    def kitti_evaluate(
        self,
        results_dict: dict[str, list[dict]],
        gt_annos: list[dict],
        *args,
        classes: Sequence[str] | None = None,
        **kwargs,
    ) -> dict[str, float]:
        """As the stock method, for the evaluated classes."""
        results = {name: _in_double(frames) for name, frames in results_dict.items()}
        with nullcontext() if torch.cuda.is_available() else _overlaps_by_shapely():
            return super().kitti_evaluate(
                results, _in_double(gt_annos), *args, classes=self._evaluated, **kwargs
            )


def _in_double(frames: list[dict]) -> list[dict]:
    """Annotations of frames with all their numbers in double precision.

    The stock evaluation is compiled anew, which takes seconds, for each mixture that it meets.
    """
    return [
        {key: x.astype(float) if x.dtype.kind == "f" else x for key, x in frame.items()}
        for frame in frames
    ]


def bev_overlap(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of footprints.

    Args:
        boxes: (N, 5) x, z, l, w (metres) and yaw about the camera's y axis (radians).
        others: (M, 5).

    Returns:
        (N, M).
    """
    common, area, other_area = _intersection(boxes, others)
    return common / (area[:, None] + other_area - common)


def box_overlap(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of upright boxes.

    Args:
        boxes: (N, 7) bottom centre x, y, z, then l, h, w (metres) and yaw (radians), camera frame.
        others: (M, 7).

    Returns:
        (N, M).
    """
    footprint = [0, 2, 3, 5, 6]
    common, area, other_area = _intersection(boxes[:, footprint], others[:, footprint])
    bottom = np.minimum(boxes[:, None, 1], others[:, 1])  # y points down
    top = np.maximum((boxes[:, 1] - boxes[:, 4])[:, None], others[:, 1] - others[:, 4])
    common = common * (bottom - top).clip(min=0)
    return common / ((area * boxes[:, 4])[:, None] + other_area * others[:, 4] - common)


def _intersection(
    boxes: np.ndarray, others: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Common area (N, M), and the areas (N,) and (M,)."""

    def polygons(rows: np.ndarray) -> np.ndarray:
        rows = np.asarray(rows, dtype=np.float64)
        # A yaw about y, which points down, turns from z towards x.
        return footprints(np.column_stack([rows[:, :4], -rows[:, 4]]))

    first, second = polygons(boxes), polygons(others)
    common = np.zeros((len(first), len(second)))
    near = shapely.STRtree(second).query(first)
    common[tuple(near)] = shapely.area(shapely.intersection(first[near[0]], second[near[1]]))
    return common, shapely.area(first), shapely.area(second)


@contextmanager
def _overlaps_by_shapely() -> Iterator[None]:
    kept = _stock.bev_box_overlap, _stock.d3_box_overlap
    _stock.bev_box_overlap, _stock.d3_box_overlap = bev_overlap, box_overlap
    try:
        yield
    finally:
        _stock.bev_box_overlap, _stock.d3_box_overlap = kept
