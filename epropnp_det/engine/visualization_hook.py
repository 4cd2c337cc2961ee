"""Painting predictions on the images that the network saw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mmdet3d.engine.hooks import Det3DVisualizationHook
from mmdet3d.registry import HOOKS
from mmdet3d.structures import Det3DDataSample
from mmengine.runner import Runner
from torch.utils.data import Dataset

from ..command_line import check_output_folder
from ..errors import UserError
from ..models.object_pose import EProPnP6DoF
from ..visualization.network_tap import NetworkTap
from .picture_names import picture_names


@HOOKS.register_module()
class NetworkInputVisualizationHook(Det3DVisualizationHook):
    """The stock hook for monocular detection, with boxes where they belong and reasons for them.

    The stock hook paints on the image file, but ``cam2img`` is that of the network input: after a
    crop or resize its boxes are displaced, unless the visualizer is ours. It also nests its folder
    anew in every iteration, and keeps the last picture alone of images of one name in several
    folders; here such pictures have the names of the folders too.

    Args:
        test_out_dir: folder of the pictures, relative to the current folder; the visualizer's
            backends, such as TensorBoard, get them when it is None.
        explain: have the network tell its posterior, correspondences, reference points and depth,
            which :class:`EProPnPVisualizer` draws; the boxes stay the same.
        **kwargs: as the stock hook's.
    """

    def __init__(self, *args, explain: bool = True, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.explain = explain
        self._tap: NetworkTap | None = None
        self._names: dict[str, str] = {}

    def before_test(self, runner: Runner) -> None:
        """Name the pictures, and listen to the network.

        Raises:
            UserError: the folder of the pictures cannot be written to, or the network is one of
                6 DoF, whose poses nothing here paints.
        """
        if self.draw and any(isinstance(part, EProPnP6DoF) for part in runner.model.modules()):
            raise UserError(
                "poses of 6 DoF cannot be painted yet: leave out --show and --show-dir, or set "
                "default_hooks.visualization.draw=False."
            )
        if self.draw and self.test_out_dir is not None:
            check_output_folder(self.test_out_dir, "visualization.test_out_dir")
            self._names = picture_names(_image_paths(runner.test_dataloader.dataset))
        if self.draw and self.explain:
            self._tap = NetworkTap(runner.model)

    def after_test(self, runner: Runner) -> None:
        """Leave the network as it was."""
        if self._tap is not None:
            self._tap.close()
            self._tap = None

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict,
        outputs: Sequence[Det3DDataSample],
    ) -> None:
        """Paint the predictions on the loaded images of the batch, (3, H, W) uint8 in BGR each.

        LiDAR points (M, 3) in the camera frame, where the pipeline packs them, go beside the depth.
        With test-time augmentation those are the images of the first view.
        """
        if not self.draw:
            return
        if self._tap is not None:
            self._tap.attach(outputs)
        inputs = data_batch["inputs"]
        view = inputs[0] if isinstance(inputs, list) else inputs
        points = view.get("points", [None] * len(outputs))
        for image, sample, cloud in zip(view["img"], outputs, points, strict=True):
            if cloud is not None:
                sample.lidar_points = cloud.cpu().numpy()
            name = self._names.get(sample.img_path, Path(sample.img_path).name)
            out_file = self.test_out_dir and str(Path(self.test_out_dir, name))
            self._test_index += 1
            self._visualizer.add_datasample(
                "test sample",
                {"img": image},
                data_sample=sample,
                draw_gt=self.draw_gt,
                draw_pred=self.draw_pred,
                show=self.show,
                wait_time=self.wait_time,
                out_file=out_file,
                pred_score_thr=self.score_thr,
                vis_task="mono_det",
                step=self._test_index,
            )


def _image_paths(dataset: Dataset) -> Iterator[str]:
    """Files of the images of a data set of mmdet3d; of others none is known before it is loaded."""
    if not hasattr(dataset, "get_data_info"):
        return
    for index in range(len(dataset)):
        views = dataset.get_data_info(index).get("images", {})
        yield from (view["img_path"] for view in views.values() if "img_path" in view)
