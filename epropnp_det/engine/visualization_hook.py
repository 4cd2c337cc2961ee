"""Painting predictions on the images that the network saw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmdet3d.engine.hooks import Det3DVisualizationHook
from mmdet3d.registry import HOOKS
from mmdet3d.structures import Det3DDataSample
from mmengine.runner import Runner

from ..command_line import check_output_folder
from ..visualization.network_tap import NetworkTap


@HOOKS.register_module()
class NetworkInputVisualizationHook(Det3DVisualizationHook):
    """The stock hook for monocular detection, with boxes where they belong and reasons for them.

    The stock hook paints on the image file, but ``cam2img`` is that of the network input: after a
    crop or resize its boxes are displaced, unless the visualizer is ours. It also nests its folder
    anew in every iteration.

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

    def before_test(self, runner: Runner) -> None:
        """Listen to the network.

        Raises:
            UserError: the folder of the pictures cannot be written to.
        """
        if self.draw and self.test_out_dir is not None:
            check_output_folder(self.test_out_dir, "visualization.test_out_dir")
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
            out_file = self.test_out_dir and str(
                Path(self.test_out_dir, Path(sample.img_path).name)
            )
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
