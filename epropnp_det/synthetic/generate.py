"""Writes a simulated world as a nuScenes dataset: images, sweeps, tables."""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from ..errors import UserError
from .lidar import sweep
from .plan import VERSION, Keyframe, Scene, Settings, plan_scenes
from .raycast import cast, pixel_directions
from .rig import CAMERAS, LIDAR, Sensor
from .tables import MAP_FILE, Measurement, build_tables

MANIFEST = "synthetic.json"
FORMAT = 2  # raise it when the same settings come to give other bytes
JPEG_QUALITY = 92
README = """\
# Synthetic data

Everything in this folder is simulated: a straight street and its traffic, built of simple shapes,
rendered by computer and written in the format of nuScenes. It holds no measurement of the real
world, and nothing of the nuScenes dataset but its format, scene names and the calibration of its
sensors. Results on it say nothing about results on nuScenes.

- Images: at each camera's own timestamp and ego pose. Pixel column i covers [i, i + 1).
- LiDAR: an instant snapshot without noise. `num_lidar_pts` counts the points on the object.
- Annotated are the objects that the LiDAR or a camera saw, at the keyframe's time.
- Visibility: share of an object's pixels in the six images that nothing else hides, from ray
  casting through every pixel's centre.
- Radar is not simulated.

Settings are in `synthetic.json`.
"""


def generate(settings: Settings, out_dir: str | Path, workers: int = 1) -> bool:
    """Write the dataset; go on where an earlier call with the same settings was interrupted.

    The tables come last, so a folder that has them is complete.

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
    if _is_complete(settings, root):
        return False
    try:
        _prepare_folder(settings, root)
    except OSError as error:
        raise UserError(f"cannot write to {root} ({error}): name another folder") from error
    scenes = plan_scenes(settings)
    keyframes = [keyframe for scene in scenes for keyframe in scene.keyframes]
    write = partial(_write_keyframe, settings, root)
    progress = tqdm(
        _run(write, keyframes, workers), "samples", len(keyframes), unit="sample", smoothing=0
    )
    measurements = dict(zip(keyframes, progress, strict=True))
    _write_tables(root, build_tables(settings, scenes, measurements))
    return True


def _manifest(settings: Settings) -> dict:
    return {"format": FORMAT, **asdict(settings), "image_size": list(settings.image_size)}


def _is_complete(settings: Settings, root: Path) -> bool:
    manifest = root / MANIFEST
    if not manifest.is_file():
        if root.is_dir() and any(root.iterdir()):
            raise UserError(f"{root} is not empty and holds no synthetic dataset: name another")
        return False
    try:
        found = json.loads(manifest.read_bytes())
    except ValueError as error:
        raise UserError(
            f"{manifest} is not valid JSON: remove {root} or name another folder"
        ) from error
    if found != _manifest(settings):
        raise UserError(f"{root} holds a dataset of other settings: remove it or name another")
    return (root / VERSION).is_dir()


def _prepare_folder(settings: Settings, root: Path) -> None:
    for sensor in (*CAMERAS, LIDAR):
        (root / "samples" / sensor.channel).mkdir(parents=True, exist_ok=True)
    (root / MAP_FILE).parent.mkdir(exist_ok=True)
    _write(root / MANIFEST, json.dumps(_manifest(settings), indent=1).encode())
    _write(root / "README.md", README.encode())
    _write(root / MAP_FILE, _encode(".png", np.zeros((8, 8), np.uint8)))


def _run(
    function: Callable[[Keyframe], Measurement], keyframes: list[Keyframe], workers: int
) -> Iterable[Measurement]:
    if workers <= 1:
        return map(function, keyframes)
    return _run_parallel(function, keyframes, workers)


def _run_parallel(
    function: Callable[[Keyframe], Measurement], keyframes: list[Keyframe], workers: int
) -> Iterator[Measurement]:
    # A renderer that has threads does not survive a fork.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(function, keyframes)


def _write_keyframe(settings: Settings, root: Path, keyframe: Keyframe) -> Measurement:
    scene = plan_scenes(settings)[keyframe.scene]
    world = scene.world
    points, lidar_points = sweep(
        world, keyframe.time(), world.ego.pose(keyframe.time()) @ LIDAR.to_ego
    )
    _write(root / keyframe.filename(LIDAR), points.tobytes())
    visible = np.zeros(len(world.things), dtype=int)
    covered = np.zeros(len(world.things), dtype=int)
    for camera in CAMERAS:
        _write_image(settings, root, scene, keyframe, camera)
        time = keyframe.time(camera)
        pose = world.ego.pose(time) @ camera.to_ego
        rays = pixel_directions(
            camera.intrinsic(settings.image_size), settings.image_size, pose[:3, :3]
        )
        # The backdrop stands beyond all things and hides none of them.
        hits = cast(pose[:3, 3], rays, [thing.solid(time) for thing in world.things])
        visible += hits.visible
        covered += hits.covered
    return Measurement(lidar_points, visible, covered)


def _write_image(
    settings: Settings, root: Path, scene: Scene, keyframe: Keyframe, camera: Sensor
) -> None:
    path = root / keyframe.filename(camera)
    if path.exists():
        return
    # Importing the renderer takes a second and picks its variant: only who renders should pay.
    from .render import render

    time = keyframe.time(camera)
    image = render(
        scene.world,
        time,
        scene.world.ego.pose(time) @ camera.to_ego,
        camera.intrinsic(settings.image_size),
        settings.image_size,
        seed=keyframe.stamp(camera) % 2**31,
    )
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    _write(path, _encode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality))


def _encode(suffix: str, image: np.ndarray, options: Iterable[int] = ()) -> bytes:
    return cv2.imencode(suffix, image, list(options))[1].tobytes()


def _write(path: Path, content: bytes) -> None:
    draft = path.with_name(path.name + ".part")
    draft.write_bytes(content)
    os.replace(draft, path)


def _write_tables(root: Path, tables: dict[str, list[dict]]) -> None:
    draft = root / f"{VERSION}.part"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    for name, records in tables.items():
        (draft / f"{name}.json").write_text(json.dumps(records, indent=1))
    os.replace(draft, root / VERSION)
