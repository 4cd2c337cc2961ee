"""Painting predictions on the images that the network saw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import mmcv
from mmdet3d.engine.hooks import Det3DVisualizationHook
from mmdet3d.registry import HOOKS
from mmdet3d.structures import Det3DDataSample
from mmengine.runner import Runner
from torch.utils.data import Dataset

from ..command_line import check_output_folder
from ..datasets.bop import BOPDataset
from ..evaluation.bop import EvaluatedModel
from ..structures import ObjectPoseSample
from ..visualization.network_tap import NetworkTap
from ..visualization.object_pose import drawable_models
from .picture_names import picture_names


@HOOKS.register_module()
class NetworkInputVisualizationHook(Det3DVisualizationHook):
    """The stock hook for monocular detection, with boxes where they belong and reasons for them,
    and for poses of known objects.

    The stock hook paints on the image file, but ``cam2img`` is that of the network input: after a
    crop or resize its boxes are displaced, unless the visualizer is ours. It also nests its folder
    anew in every iteration, and keeps the last picture alone of images of one name in several
    folders; here such pictures have the names of the folders too. A crop of a known object gives a
    picture on the stored image, ``SCENE_IMAGE_obj_OBJECT.png`` by BOP's numbers, with ``_2`` and so
    on for more of one object.

    Args:
        test_out_dir: folder of the pictures, relative to the current folder; the visualizer's
            backends, such as TensorBoard, get them when it is None.
        explain: have the network tell its posterior, correspondences, reference points and depth,
            which :class:`EProPnPVisualizer` draws; the boxes stay the same.
        draw_gt: draw ground truth, where samples come with it.
        **kwargs: as the stock hook's.
    """

    def __init__(self, *args, explain: bool = True, draw_gt: bool = True, **kwargs) -> None:
        super().__init__(*args, draw_gt=draw_gt, **kwargs)
        self.explain = explain
        self._tap: NetworkTap | None = None
        self._names: dict[str, str] = {}
        self._models: dict[int, EvaluatedModel] = {}
        self._crops: Counter[str] = Counter()

    def before_test(self, runner: Runner) -> None:
        """Name the pictures, read the models, and listen to the network.

        Raises:
            UserError: the folder of the pictures cannot be written to, or a model is broken.
        """
        dataset = runner.test_dataloader.dataset
        if self.draw and self.test_out_dir is not None:
            check_output_folder(self.test_out_dir, "visualization.test_out_dir")
            self._names = picture_names(_image_paths(dataset))
        if self.draw and isinstance(dataset, BOPDataset):
            self._models = drawable_models(dataset.model_folder, dataset.metainfo["obj_ids"])
        self._crops.clear()
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
        outputs: Sequence[Det3DDataSample] | Sequence[ObjectPoseSample],
    ) -> None:
        """Paint the predictions on the loaded images of the batch, (3, H, W) uint8 in BGR each.

        LiDAR points (M, 3) in the camera frame, where the pipeline packs them, go beside the depth.
        With test-time augmentation those are the images of the first view. Poses of known objects
        are painted on the stored images.
        """
        if not self.draw:
            return
        if self._tap is not None:
            self._tap.attach(outputs)
        if outputs and isinstance(outputs[0], ObjectPoseSample):
            for sample in outputs:
                seen = {"img": mmcv.imread(sample.img_path, channel_order="rgb")}
                seen["object_model"] = self._models.get(sample.obj_id)
                self._paint(seen, sample, self._crop_name(sample))
            return
        inputs = data_batch["inputs"]
        view = inputs[0] if isinstance(inputs, list) else inputs
        points = view.get("points", [None] * len(outputs))
        for image, sample, cloud in zip(view["img"], outputs, points, strict=True):
            if cloud is not None:
                sample.lidar_points = cloud.cpu().numpy()
            name = self._names.get(sample.img_path, Path(sample.img_path).name)
            self._paint({"img": image}, sample, name)

    def _crop_name(self, sample: ObjectPoseSample) -> str:
        name = f"{sample.scene_id:06d}_{sample.im_id:06d}_obj_{sample.obj_id:06d}"
        self._crops[name] += 1
        return f"{name}.png" if self._crops[name] == 1 else f"{name}_{self._crops[name]}.png"

    def _paint(self, seen: dict, sample: Det3DDataSample | ObjectPoseSample, name: str) -> None:
        out_file = self.test_out_dir and str(Path(self.test_out_dir, name))
        self._test_index += 1
        self._visualizer.add_datasample(
            "test sample",
            seen,
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
