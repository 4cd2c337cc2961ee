"""How long does the detector take for an image, beside stock FCOS3D of the same backbone?

Both are built from their configs with initialised weights and see the same random image, one at a
time. Ours takes its best objects, however low their scores, so that their number is that of
--objects; of FCOS3D's boxes nothing is left to suppress, to its advantage. A row between them is
FCOS3D with our deformable convolution in place of mmcv's.

    python benchmarks/detector.py
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections import defaultdict
from operator import attrgetter
from pathlib import Path

import numpy as np
import torch
from arithmetic import synchronise
from measure import set_threads
from mmcv.ops import ModulatedDeformConv2dPack
from mmdet3d.registry import MODELS
from mmdet3d.structures import CameraInstance3DBoxes, Det3DDataSample
from mmengine import Config, ConfigDict, DefaultScope, MMLogger
from mmengine.hub import get_config
from terminaltables import GithubFlavoredMarkdownTable
from tqdm import tqdm

from epropnp_det.models import GatherDCNv2

OURS = (
    Path(__file__).parents[1]
    / "configs/epropnp_det/epropnp-det-v2_r101-dcn_fpn_4xb3-12e_nus-mono3d.py"
)
FCOS3D = "mmdet3d::fcos3d/fcos3d_r101-caffe-dcn_fpn_head-gn_8xb2-1x_nus-mono3d.py"

OUR_STAGES = {
    "backbone.forward": "backbone",
    "neck.forward": "neck",
    "dense_head.forward": "dense head",
    "dense_head.select": "dense head",
    "bbox_head.forward": "correspondences",
    "bbox_head.boxes": "PnP",
    "bbox_head.pose_predictor.decoder.decode": "NMS",
}
FCOS3D_STAGES = {
    "backbone.forward": "backbone",
    "neck.forward": "neck",
    "bbox_head.forward": "dense head",
    "bbox_head.predict_by_feat": "NMS",
}
COLUMNS = ("backbone", "neck", "dense head", "correspondences", "PnP", "NMS", "rest")


class Stopwatch:
    """Seconds that each stage of a model takes by itself, without the stages that it calls.

    Attributes:
        seconds: of each stage, since the last :meth:`reset`.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self.reset()

    def reset(self) -> None:
        self.seconds = defaultdict(float)
        self._inner = 0.0

    def watch(self, owner: object, method: str, stage: str) -> None:
        """Count what calls of ``owner``'s method take as time of a stage."""
        call = getattr(owner, method)

        def timed(*args, **kwargs):
            outer, self._inner = self._inner, 0.0
            synchronise(self.device)
            begin = time.perf_counter()
            result = call(*args, **kwargs)
            synchronise(self.device)
            taken = time.perf_counter() - begin
            self.seconds[stage] += taken - self._inner
            self._inner = outer + taken
            return result

        setattr(owner, method, timed)


class TimedDetector:
    """A detector in inference, and a stopwatch on its stages.

    Args:
        config: of the model; no weights are read.
        stages: what each of its methods counts as; a method is named as an attribute of the model.
        device: where it runs.
        seed: of its initial weights.
    """

    def __init__(
        self, config: ConfigDict, stages: dict[str, str], device: str = "cpu", seed: int = 0
    ) -> None:
        config.backbone.init_cfg = None
        torch.manual_seed(seed)
        with DefaultScope.overwrite_default_scope("mmdet3d"):
            self.model = MODELS.build(config)
        self.model.init_weights()
        self.model.eval().to(device)
        self.stopwatch = Stopwatch(device)
        for path, stage in (stages | {"predict": "rest"}).items():
            owner, method = f"model.{path}".rsplit(".", 1)
            self.stopwatch.watch(attrgetter(owner)(self), method, stage)

    @torch.no_grad()
    def __call__(self, image: torch.Tensor) -> dict[str, float]:
        """Seconds of each stage for an image (1, 3, H, W)."""
        self.stopwatch.reset()
        self.model.predict(dict(imgs=image), [sample_of(image)])
        return dict(self.stopwatch.seconds)


def sample_of(image: torch.Tensor) -> Det3DDataSample:
    """Meta information of an image (1, 3, H, W) of a camera like those of nuScenes."""
    height, width = image.shape[-2:]
    focal = 0.79 * width
    return Det3DDataSample(
        metainfo=dict(
            cam2img=np.array([[focal, 0, width / 2], [0, focal, height / 3], [0, 0, 1]]),
            img_shape=(height, width),
            scale_factor=(1.0, 1.0),
            box_type_3d=CameraInstance3DBoxes,
        )
    )


def use_our_convolution(detector: TimedDetector) -> TimedDetector:
    """Replace mmcv's deformable convolutions by ours, which have the same parameters."""
    for module in detector.model.modules():
        if type(module) is ModulatedDeformConv2dPack:
            module.__class__ = GatherDCNv2
    return detector


def our_config(path: Path, num_objects: int) -> ConfigDict:
    """Our model with the threshold taken away, so that every image has as many objects."""
    config = Config.fromfile(path).model
    config.test_cfg.update(score_thr=0.0, max_per_img=num_objects)
    return config


def measure(
    detectors: dict[str, TimedDetector], image: torch.Tensor, repeats: int
) -> dict[str, dict[str, float]]:
    """Median seconds of each detector's stages, and of their sum as ``whole``.

    The detectors take turns, so that noise of the machine hits all equally; the first turn warms
    up.
    """
    taken = {name: [] for name in detectors}
    for _ in tqdm(range(repeats + 1), desc=str(image.device)):
        for name, detector in detectors.items():
            seconds = detector(image)
            taken[name].append(seconds | {"whole": sum(seconds.values())})
    return {
        name: {stage: float(np.median([t[stage] for t in turns[1:]])) for stage in turns[0]}
        for name, turns in taken.items()
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, default=OURS, help="our detector")
    parser.add_argument("--size", type=int, nargs=2, default=(1600, 672), help="width and height")
    parser.add_argument("--objects", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args(argv)

    set_threads(args.threads)
    MMLogger.get_instance("detector", log_level="WARNING")  # not a line for every weight
    rows = []
    for device in ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]:
        image = torch.randn(1, 3, *reversed(args.size), device=device)
        stock, changed = (
            TimedDetector(get_config(FCOS3D).model, FCOS3D_STAGES, device, args.seed)
            for _ in range(2)
        )
        ours = TimedDetector(our_config(args.config, args.objects), OUR_STAGES, device, args.seed)
        detectors = {
            "FCOS3D": stock,
            "FCOS3D, GatherDCNv2": use_our_convolution(changed),
            "ours": ours,
        }
        medians = measure(detectors, image, args.repeats)
        for name, seconds in medians.items():
            ratio = seconds["whole"] / medians["FCOS3D"]["whole"]
            stages = [f"{1e3 * seconds[s]:.0f}" if s in seconds else "-" for s in COLUMNS]
            rows.append([name, device, f"{1e3 * seconds['whole']:.0f}", f"{ratio:.2f}", *stages])

    header = ["detector", "device", "ms", "xFCOS3D", *COLUMNS]
    print(GithubFlavoredMarkdownTable([header, *rows]).table)
    print(
        f"\n{args.size[0]} x {args.size[1]} pixels, {args.objects} objects of ours; "
        f"{platform.machine()}, {args.threads} threads, PyTorch {torch.__version__}; medians of "
        f"{args.repeats} calls, in ms. rest: cameras, packing of boxes."
    )


if __name__ == "__main__":
    main()
