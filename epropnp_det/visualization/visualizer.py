"""The pictures for mmengine: what ``--show-dir``, ``--show`` and TensorBoard show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from mmdet3d.registry import VISUALIZERS
from mmdet3d.structures import BaseInstance3DBoxes, Det3DDataSample
from mmdet3d.visualization import Det3DLocalVisualizer
from mmengine.dist import master_only
from mmengine.structures import InstanceData
from torch import Tensor

from ..structures import ObjectPoseSample
from .boxes import BoxSet
from .correspondences import Correspondences
from .object_pose import PosedObject, object_pose_page
from .pages import correspondence_page, depth_page, detection_page, heat_page
from .posterior import PoseSamples
from .style import pixels_of, save_figure

MAX_EXPLAINED = 12  # boxes of an image whose correspondences are drawn


@VISUALIZERS.register_module()
class EProPnPVisualizer(Det3DLocalVisualizer):
    """Draws monocular detections and poses of known objects with all that is known of them; the
    rest as the stock one does.

    An image gives one picture of its boxes and the view from above (with pose densities where
    predictions carry pose samples) and, where there is something to show, one each of the
    correspondences, the reference points' heat map and the depth map: files ``NAME.png``,
    ``NAME_correspondences.png``, ``NAME_heat.png`` and ``NAME_depth.png``. A crop of a known object
    gives one picture, see :func:`~epropnp_det.visualization.object_pose_page`.

    In a config::

        visualizer = dict(type="EProPnPVisualizer", vis_backends=vis_backends, name="visualizer")

    Arguments are those of the stock visualizer.
    """

    @master_only
    def add_datasample(
        self,
        name: str,
        data_input: dict,
        data_sample: Det3DDataSample | ObjectPoseSample | None = None,
        draw_gt: bool = True,
        draw_pred: bool = True,
        show: bool = False,
        wait_time: float = 0,
        out_file: str | None = None,
        o3d_save_path: str | None = None,
        vis_task: str = "mono_det",
        pred_score_thr: float = 0.3,
        step: int = 0,
        show_pcd_rgb: bool = False,
    ) -> None:
        """Draw a data sample into a window, into files, or into all backends.

        The image may be the network input, (3, H, W) in BGR, or the stored one, (H, W, 3) in RGB,
        which the stock hook passes: boxes and points lie right in either, as long as the pipeline's
        transforms have kept ``ori_cam2img``.

        Args:
            name: of the picture, in a backend.
            data_input: with ``img``; of a known object the stored image, and perhaps
                ``object_model``, an :class:`~epropnp_det.evaluation.bop.EvaluatedModel`.
            data_sample: predictions, ground truth, and maybe the fields that a
                :class:`.NetworkTap` adds, and ``lidar_points`` (M, 3) in the camera frame.
            draw_gt, draw_pred: draw ground truth, predictions.
            show: show a window.
            wait_time: seconds between windows.
            out_file: file of the first picture; backends get them when it is None.
            o3d_save_path, vis_task, show_pcd_rgb: as the stock visualizer's, which draws all tasks
                but ``mono_det``.
            pred_score_thr: predictions of lower score are left out.
            step: number of the picture, in a backend.
        """
        if vis_task != "mono_det" or data_sample is None:
            super().add_datasample(
                name,
                data_input,
                data_sample,
                draw_gt,
                draw_pred,
                show,
                wait_time,
                out_file,
                o3d_save_path,
                vis_task,
                pred_score_thr,
                step,
                show_pcd_rgb,
            )
            return
        image = _rgb(data_input["img"])
        classes = self.dataset_meta["classes"]
        chosen = draw_gt, draw_pred, pred_score_thr
        if isinstance(data_sample, ObjectPoseSample):
            class_name, model = classes[data_sample.label], data_input.get("object_model")
            shown = PosedObject.from_sample(data_sample, class_name, model, *chosen)
            pages = [("", object_pose_page(image, [shown]))]
        else:
            pages = sample_pages(image, data_sample, classes, *chosen)
        for kind, page in pages:
            if show:
                self.show(drawn_img_3d=pixels_of(page), win_name=name, wait_time=wait_time)
            suffix = kind and f"_{kind}"
            if out_file is not None:
                path = Path(out_file)
                save_figure(page, path.with_name(f"{path.stem}{suffix}.png"))
            elif not show:
                self.add_image(name + suffix, pixels_of(page), step)


def sample_pages(
    image: np.ndarray,
    sample: Det3DDataSample,
    classes: Sequence[str],
    draw_gt: bool = True,
    draw_pred: bool = True,
    score_thr: float = 0.3,
) -> Iterator[tuple[str, Figure]]:
    """The pictures of one image, each with what it shows; that of the boxes is the first, ''.

    Args:
        image: (H, W, 3), RGB, uint8: the network input, or the image that it was made from.
        sample: as :meth:`EProPnPVisualizer.add_datasample` takes it.
        classes: class names by label.
        draw_gt, draw_pred: draw ground truth, predictions.
        score_thr: predictions of lower score are left out.
    """
    cam2img = np.asarray(sample.cam2img, dtype=float)[:3, :3]
    own_cam2img = cam2img
    if image.shape[:2] != tuple(sample.img_shape[:2]):
        own_cam2img = np.asarray(sample.metainfo.get("ori_cam2img", cam2img), float)[:3, :3]
    to_image = own_cam2img @ np.linalg.inv(cam2img)  # pixels of the network input to the image's

    truth = found = boxes = samples = None
    if draw_gt and "bboxes_3d" in sample.get("gt_instances_3d", ()):
        truth = _box_set(sample.gt_instances_3d, classes)
    if draw_pred and "pred_instances_3d" in sample:
        found = sample.pred_instances_3d
        found = found[found.scores_3d >= score_thr].to("cpu")
        boxes = _box_set(found, classes)
        if "pose_samples" in found:
            samples = PoseSamples.from_poses(
                found.pose_samples.numpy(), found.pose_log_weights.numpy()
            )
    yield "", detection_page(image, own_cam2img, boxes, truth, samples, classes)
    if found is not None and "x2d" in found and len(found):
        points = _correspondences(found[:MAX_EXPLAINED], to_image, sample.get("num_heads", 1))
        yield "correspondences", correspondence_page(image, points)
    shown = _part(image, to_image, sample.img_shape)
    if "center_heat" in sample:
        yield "heat", heat_page(shown, sample.center_heat)
    if "depth_map" in sample:
        points = sample.get("lidar_points")
        yield "depth", depth_page(shown, sample.depth_map, points, _scaled(cam2img, to_image))


def _rgb(image: Tensor | np.ndarray) -> np.ndarray:
    """(H, W, 3) in RGB of the network input (3, H, W) in BGR, or of an image as it is."""
    if isinstance(image, Tensor):
        return image[[2, 1, 0]].permute(1, 2, 0).cpu().numpy().astype(np.uint8)
    return image


def _box_set(instances: InstanceData, classes: Sequence[str]) -> BoxSet:
    boxes: BaseInstance3DBoxes = instances.bboxes_3d
    geometry = np.column_stack(
        [x.cpu().numpy() for x in (boxes.gravity_center, boxes.dims, boxes.yaw)]
    )
    scores = instances.scores_3d.cpu().numpy() if "scores_3d" in instances else None
    names = [classes[label] if label >= 0 else "" for label in instances.labels_3d.tolist()]
    return BoxSet.from_camera(geometry, names, scores)


def _correspondences(found: InstanceData, to_image: np.ndarray, num_heads: int) -> Correspondences:
    x2d = found.x2d.numpy() @ to_image[:2, :2].T + to_image[:2, 2]
    return Correspondences(
        found.x3d.numpy(), x2d, found.w2d.numpy(), found.bboxes_3d.dims.numpy(), num_heads
    )


def _scaled(cam2img: np.ndarray, to_image: np.ndarray) -> np.ndarray:
    """The camera of the part that the network saw, in the image's own resolution."""
    return np.diag([to_image[0, 0], to_image[1, 1], 1.0]) @ cam2img


def _part(image: np.ndarray, to_image: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """What of an image the network saw, in the image's own resolution."""
    ends = to_image[:2, :2] @ np.array([[0, shape[1]], [0, shape[0]]]) + to_image[:2, 2:]
    (left, right), (top, bottom) = np.round(np.sort(ends, axis=1)).astype(int).clip(min=0)
    return image[top:bottom, left:right]
