"""Painting predictions on the images that the network saw."""

from collections.abc import Sequence
from pathlib import Path

from mmdet3d.engine.hooks import Det3DVisualizationHook
from mmdet3d.registry import HOOKS
from mmdet3d.structures import Det3DDataSample
from mmengine.runner import Runner


@HOOKS.register_module()
class NetworkInputVisualizationHook(Det3DVisualizationHook):
    """The stock hook for monocular detection, with boxes where they belong.

    The stock hook paints on the image file, but ``cam2img`` is that of the network input: after a
    crop or resize its boxes are displaced. It also nests its folder anew in every iteration.

    Args:
        test_out_dir: folder of the painted images, relative to the current folder.
        **kwargs: as the stock hook's.
    """

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict,
        outputs: Sequence[Det3DDataSample],
    ) -> None:
        """Paint the predictions on the loaded images of the batch, (3, H, W) uint8 in BGR each.

        With test-time augmentation those are the images of the first view.
        """
        if not self.draw:
            return
        inputs = data_batch["inputs"]
        images = (inputs[0] if isinstance(inputs, list) else inputs)["img"]
        for image, sample in zip(images, outputs, strict=True):
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
