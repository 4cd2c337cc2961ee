"""Cell centres of feature maps."""

import torch
from mmdet.models.task_modules import MlvlPointGenerator
from torch import Tensor


class PointGenerator(MlvlPointGenerator):
    """The stock generator, which does not name the order of its axes: PyTorch warns of that."""

    def _meshgrid(self, x: Tensor, y: Tensor, row_major: bool = True) -> tuple[Tensor, Tensor]:
        rows, columns = torch.meshgrid(y, x, indexing="ij")
        axes = columns.reshape(-1), rows.reshape(-1)
        return axes if row_major else axes[::-1]
