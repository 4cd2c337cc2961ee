"""Writes a simulated dataset of known objects in BOP's format."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from functools import partial
from pathlib import Path

import cv2
from tqdm import tqdm

from ..output import begin, encode, is_begun, run_with_progress, write
from .annotate import (
    DEPTH_SCALE,
    FARTHEST,
    camera_file,
    camera_record,
    depth_image,
    instances,
    targets,
)
from .draw import draw_shot
from .model_files import model_files
from .models import object_models
from .render import photograph, render
from .settings import SPLITS, Image, Scene, Settings

FORMAT = 1  # raise it when the same settings come to give other bytes
TARGETS = "test_targets_bop19.json"
TRUTH = "scene_gt.json"
INFO = "scene_gt_info.json"
CAMERAS = "scene_camera.json"
RECORDS = "records.part"  # what a scene's tables will be made of; there until they are
README = """\
# Synthetic data

Everything in this folder is simulated: eight bodies built of simple shapes, among clutter on a
{scenery}, rendered by computer and written in the format of the BOP
benchmark. It holds no measurement of the real world, and nothing of any BOP dataset but the camera
matrix of LineMOD. Results on it say nothing about results on LineMOD.

- Models, the same whatever the seed:
  {models}.
- Symmetric models have symmetric colours, which are those of the vertices, interpolated.
- Images: every image is drawn by itself; a scene is a folder of them, and no more. At most one
  instance of each object is in an image. Whole pixel coordinates are the middles of pixels.
- Depth: without noise, along the camera's axis; 0 beyond {farthest:.2f} m.
- Masks, boxes and numbers of pixels: from rays through the middle of each pixel. `mask_visib` holds
  the pixels where the object is nearest, without a tolerance. `px_count_all` and `bbox_obj` count
  what the image's border cuts off, and a box is as wide as its last column minus its first, both as
  in the BOP toolkit.
- `{targets}` lists the instances of which at least a tenth is seen.

Settings are in `synthetic.json`.
"""


def generate(settings: Settings, out_dir: str | Path, workers: int = 1) -> bool:
    """Write the dataset; go on where an earlier call with the same settings was interrupted.

    The list of targets comes last, so a folder that has it is complete.

    Args:
        settings: what to write; the same settings give the same bytes.
        out_dir: the dataset's root; made when absent.
        workers: processes.

    Returns:
        Whether there was anything left to write.

    Raises:
        UserError: the folder holds something else, or cannot be written.
    """
    root = Path(out_dir)
    manifest = _manifest(settings)
    if is_begun(root, manifest) and (root / TARGETS).exists():
        return False
    begin(root, manifest, _readme(settings))
    for path, content in model_files(object_models()):
        write(root / path, content)
    write(root / "camera.json", json.dumps(camera_file(settings.camera)).encode())
    images = list(settings.images())
    todo = [image for image in images if not _is_done(root, image)]
    size = settings.estimated_bytes(len(todo)) / 1e6
    tqdm.write(f"{root}: {len(todo)} images to write, with depth and masks about {size:.0f} MB")
    step = partial(_write_image, settings, root)
    run_with_progress(step, todo, workers, total=len(images), unit="image")
    for scene in settings.folders():
        _finish(settings, root, scene)
    _write_targets(settings, root)
    return True


def _manifest(settings: Settings) -> dict:
    content = {"dataset": "bop", "format": FORMAT, **asdict(settings)}
    content["image_size"] = list(settings.image_size)
    # What is as it was when there was no choice is not written: older folders stay complete.
    return {key: value for key, value in content.items() if (key, value) != ("upright", False)}


def _readme(settings: Settings) -> str:
    models = ", ".join(f"{model.number} {model.name}" for model in object_models())
    scenery = "table, all upright" if settings.upright else "table or floating before a wall"
    return README.format(
        scenery=scenery, models=models, farthest=FARTHEST * DEPTH_SCALE / 1000, targets=TARGETS
    )


def _is_done(root: Path, image: Image) -> bool:
    """Whether the image's record, which comes last, is there, or is in its scene's tables."""
    return (root / image.scene.folder / TRUTH).exists() or (root / _record(image)).exists()


def _record(image: Image) -> str:
    return image.path(RECORDS, ".json")


def _write_image(settings: Settings, root: Path, image: Image) -> None:
    # Images are shared out among processes; threads in each would wait for one another.
    cv2.setNumThreads(1)
    camera = settings.camera
    shot = draw_shot(image.seed(settings), camera, settings.upright)
    picture = render(shot, camera)
    colours = photograph(picture.light, shot, settings.clean)
    write(root / image.path("rgb"), encode(".png", cv2.cvtColor(colours, cv2.COLOR_RGB2BGR)))
    write(root / image.path("depth"), encode(".png", depth_image(picture)))
    found = instances(shot, picture, camera)
    for number, one in enumerate(found):
        for kind, mask in (("mask", one.mask), ("mask_visib", one.visible)):
            write(root / image.path(kind, instance=number), encode(".png", 255 * mask.astype("u1")))
    record = {
        TRUTH: [one.truth for one in found],
        INFO: [one.info for one in found],
        CAMERAS: camera_record(camera),
    }
    write(root / _record(image), json.dumps(record).encode())


def _finish(settings: Settings, root: Path, scene: Scene) -> None:
    """Put the records of a scene's images together, and remove what is no part of the format."""
    folder = root / scene.folder
    if not (folder / TRUTH).exists():
        images = [Image(scene, number) for number in range(settings.images_per_scene)]
        records = [json.loads((root / _record(image)).read_bytes()) for image in images]
        # The last one says that the scene is done.
        for name in (CAMERAS, INFO, TRUTH):
            lines = ",\n".join(f'"{i}": {json.dumps(r[name])}' for i, r in enumerate(records))
            write(folder / name, f"{{\n{lines}\n}}\n".encode())
    shutil.rmtree(folder / RECORDS, ignore_errors=True)
    # Of workers that were ended while they wrote.
    for draft in folder.glob("*/.*"):
        draft.unlink()


def _write_targets(settings: Settings, root: Path) -> None:
    found = []
    for scene in settings.folders():
        if scene.split == SPLITS[-1]:
            truth, info = (
                json.loads((root / scene.folder / name).read_bytes()) for name in (TRUTH, INFO)
            )
            found += targets(scene.number, truth, info)
    lines = ",\n".join(map(json.dumps, found))
    write(root / TARGETS, f"[\n{lines}\n]\n".encode())
