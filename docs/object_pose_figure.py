"""Draw the poses of an image as a network would, from maps that are made of the truth and noise.

How docs/object_pose.png was made:

    python tools/create_synthetic_bop.py --out work_dirs/figure --scenes 1 \\
        --images-per-scene 4 --clean
    python docs/object_pose_figure.py work_dirs/figure docs/object_pose.png
"""

import argparse
from pathlib import Path

import mmcv
import torch
from mmdet3d.registry import MODELS
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from PIL import Image

import epropnp_det.plugin  # noqa: F401, as a config does it
from epropnp_det.datasets import BOPDataset
from epropnp_det.engine.config import load_config
from epropnp_det.models.object_pose import CoordinateMaps
from epropnp_det.structures import ObjectPoseSample
from epropnp_det.visualization import PosedObject, object_pose_page, pixels_of
from epropnp_det.visualization.object_pose import drawable_models

CONFIG = Path(__file__).parents[1] / "configs/epropnp_6dof/epropnp-6dof-v2_r18_small_synthetic.py"
CELLS = 64
NOISE = 0.05  # of coordinates, in units of half sizes
SURE, UNSURE = 600.0, 60.0  # scales of the weights of the first and of the last object
WIDTH = 960  # pixels
OBJECTS = 3  # of the first image
STEPS = (
    dict(type="LoadImageFromFile"),
    dict(type="LoadObjectMasks"),
    dict(type="CropObject"),
    dict(type="RenderObjectCoords", cells=CELLS),
    dict(type="PackObjectPose"),
)


def noisy_maps(samples: list[ObjectPoseSample]) -> CoordinateMaps:
    """The true coordinates with noise, and weights on the object alone, ever smaller ones."""
    truth = torch.stack([sample.gt_coords for sample in samples])
    seen = torch.stack([sample.gt_mask for sample in samples])[:, None]
    coords = truth + NOISE * torch.randn(truth.shape)
    logits = 8 * (seen - 1) + 0.5 * torch.randn(len(samples), 2, CELLS, CELLS)
    scale = torch.logspace(*torch.tensor([SURE, UNSURE]).log10().tolist(), len(samples))
    return CoordinateMaps(coords, logits, scale[:, None].expand(-1, 2))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("root", help="folder of a data set in BOP's format")
    parser.add_argument("out", help="the picture, a .png")
    args = parser.parse_args()

    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope("mmdet3d"):
        dataset = BOPDataset(args.root, "test", pipeline=STEPS, test_mode=True)
        settings = dict(return_posterior=True, return_correspondences=True)
        network = MODELS.build(dict(load_config(str(CONFIG)).model, test_cfg=settings)).eval()
    crops = pseudo_collate([dataset[i] for i in range(OBJECTS)])
    maps = noisy_maps(crops["data_samples"])
    network.maps = lambda inputs: maps
    with torch.no_grad():
        samples = network.test_step(crops)
    models = drawable_models(dataset.model_folder, dataset.metainfo["obj_ids"])
    shown = [
        PosedObject.from_sample(sample, f"object {sample.obj_id}", models[sample.obj_id])
        for sample in samples
    ]
    page = object_pose_page(mmcv.imread(samples[0].img_path, channel_order="rgb"), shown)
    # Of 256 colours, which are enough, a third of the size.
    picture = Image.fromarray(pixels_of(page))
    picture.thumbnail((WIDTH, picture.height), Image.Resampling.LANCZOS)
    picture.quantize(256, kmeans=1).save(args.out, optimize=True)


if __name__ == "__main__":
    main()
