"""A linear regression in mmengine's terms, small enough to train in a moment."""

import os
import signal
from pathlib import Path

import torch
from mmdet3d.registry import DATASETS, METRICS, MODELS
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from torch.utils.data import Dataset

from epropnp_det.evaluation.score_names import ScoreNames

TOY_CONFIG = Path(__file__).with_name("toy_config.py")


@DATASETS.register_module()
class ToyDataset(Dataset):
    """Eight points x (3) with targets of a known linear map."""

    metainfo = {"classes": ("line",)}

    def __init__(self, ann_file: str = "", data_root: str = "") -> None:
        self.x = torch.randn(8, 3, generator=torch.Generator().manual_seed(1))
        self.y = self.x @ torch.tensor([1.0, -2.0, 3.0])

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> dict:
        return {"x": self.x[index], "y": self.y[index]}


@MODELS.register_module()
class ToyModel(BaseModel):
    """Linear map whose process kills itself at the training step that TOY_KILL_AT names."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(channels, 1)
        self.steps = 0

    def init_weights(self) -> None:
        torch.nn.init.zeros_(self.linear.weight)
        torch.nn.init.zeros_(self.linear.bias)

    def forward(self, x: torch.Tensor, y: torch.Tensor, mode: str) -> dict | list:
        prediction = self.linear(x).squeeze(-1)
        if mode != "loss":
            return [{"error": e} for e in (prediction - y).abs()]
        self.steps += 1
        if self.steps == int(os.environ.get("TOY_KILL_AT", 0)):
            os.kill(os.getpid(), signal.SIGKILL)
        return {"loss": (prediction - y).square().mean()}


@METRICS.register_module()
class ToyMetric(BaseMetric):
    """Mean absolute error."""

    default_prefix = "toy"

    def process(self, data_batch: dict, data_samples: list[dict]) -> None:
        self.results.extend(sample["error"].item() for sample in data_samples)

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        return {"error": sum(results) / len(results)}


@METRICS.register_module()
class ScriptedMetric(BaseMetric):
    """Gives the scores that it was told, one a validation, under the names of nuScenes' metric."""

    default_prefix = "NuScenes metric"
    score_names = ScoreNames("NuScenes/NDS", ("NuScenes/NDS", "NuScenes/mAP"), ("NuScenes/mATE",))

    def __init__(self, nds: list[float]) -> None:
        super().__init__()
        self.nds = iter(nds)

    def process(self, data_batch: dict, data_samples: list[dict]) -> None:
        self.results.extend(data_samples)

    def compute_metrics(self, results: list) -> dict[str, float]:
        nds = next(self.nds)
        return {"NuScenes/NDS": nds, "NuScenes/mAP": nds / 2, "NuScenes/mATE": 1 - nds}
