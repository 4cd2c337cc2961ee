"""An exported file in the place of a network, so that it is tested as one."""

from __future__ import annotations

import numpy as np
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from torch import Tensor

from epropnp_det.deploy import DeployedDetector

from ..task_modules.epropnp_decoder import ObjectDetections, box_instances


@MODELS.register_module()
class ExportedDetector(BaseModel):
    """Runs a file of tools/export.py on the images of a test loop.

    Args:
        file: path of the file.
        runtime: ``onnxruntime`` or ``openvino``; None for the first that is installed.
        threads: how many to compute with; None for as many as there are cores.
        data_preprocessor: stacks the images, and must leave their numbers alone.

    Raises:
        UserError: the file or the runtime is missing, or does not fit.
    """

    def __init__(
        self,
        file: str,
        runtime: str | None = None,
        threads: int | None = None,
        data_preprocessor: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor or dict(type="Det3DDataPreprocessor"))
        self.detector = DeployedDetector(file, runtime, threads)

    def forward(
        self, inputs: dict, data_samples: list[Det3DDataSample], mode: str = "predict", **kwargs
    ) -> list[Det3DDataSample]:
        """Detections, added to the data samples as ``pred_instances_3d``.

        Args:
            inputs: ``imgs`` (B, 3, H, W), BGR, from 0 to 255, without the rows that are cut off.
            data_samples: their meta information.
            mode: "predict".

        Raises:
            ValueError: another mode is asked for.
        """
        if mode != "predict":
            raise ValueError(f"an exported file can predict alone, not {mode}")
        for pixels, sample in zip(inputs["imgs"], data_samples, strict=True):
            sample.pred_instances_3d = self._detect(pixels, sample)
        return data_samples

    def _detect(self, pixels: Tensor, sample: Det3DDataSample) -> InstanceData:
        height, width = sample.img_shape[:2]
        rows = self.detector.description.top_rows
        seen = pixels[:, :height, :width].permute(1, 2, 0).byte().cpu().numpy()
        # The graph cuts these rows off itself.
        stored = np.pad(seen, ((rows, 0), (0, 0), (0, 0)))
        cam2img = np.array(sample.cam2img, dtype=np.float64)[:3, :3]
        cam2img[1, 2] += rows
        found = self.detector.detect(stored, cam2img, str(sample.metainfo.get("img_path")))
        found = {name: torch.from_numpy(each) for name, each in found.items()}
        objects = ObjectDetections(
            pose=found["pose"],
            dims=found["size"],
            score=found["score"],
            label=found["label"],
            velocity=found["velocity"],
            attr_score=found["attribute_scores"],
            img_ind=torch.zeros_like(found["label"]),
        )
        return box_instances(objects, {})
