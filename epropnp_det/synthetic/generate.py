"""Writes a simulated world as a dataset of nuScenes or a relative: images, sweeps, tables."""

import json
import os
import shutil
from dataclasses import asdict, astuple
from functools import partial
from io import BytesIO
from pathlib import Path
from textwrap import fill

import cv2
import numpy as np
from tqdm import tqdm

from .lidar import sweep, sweep_file
from .output import begin, encode, is_begun, run_with_progress, write
from .own_tables import MAP_FILE
from .plan import Keyframe, Scene, Settings, estimated_bytes, plan_scene, plan_scenes
from .raycast import cast, pixel_directions
from .rig import Sensor
from .tables import Measurement, build_tables
from .world import World

MEASUREMENTS = "measurements.part"  # what the tables will be made of; there until they are
FORMAT = 3  # raise it when the same settings come to give other bytes
JPEG_QUALITY = 92
README = """\
# Synthetic data

{origin}

- Images: at each camera's own timestamp and ego pose. Pixel column i covers [i, i + 1).
- LiDAR: an instant snapshot without noise. `num_lidar_pts` counts the points on the object.
- Annotated are the objects that the LiDAR or a camera saw, at the keyframe's time; nothing is in
  version {test}.
- Visibility: share of an object's pixels in the {cameras} images that nothing else hides, from ray
  casting through every pixel's centre.
- {absent}

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
    manifest = _manifest(settings)
    if is_begun(root, manifest) and (root / settings.version).is_dir():
        return False
    begin(root, manifest, _readme(settings))
    if "map" in settings.format.devkit.tables:
        write(root / MAP_FILE, encode(".png", np.zeros((8, 8), np.uint8)))
    scenes = plan_scenes(settings)
    keyframes = [keyframe for scene in scenes for keyframe in scene.keyframes]
    todo = [keyframe for keyframe in keyframes if not _is_done(settings, root, keyframe)]
    images = len(todo) * len(settings.cameras)
    size = estimated_bytes(settings, len(todo)) / 1e6
    tqdm.write(
        f"{root}: {images} images to write, with LiDAR sweeps and tables about {size:.0f} MB"
    )
    step = partial(_write_keyframe, settings, root)
    run_with_progress(step, todo, workers, total=len(keyframes), unit="sample")
    measurements = {
        keyframe: Measurement(*np.load(_measurement_path(root, keyframe))) for keyframe in keyframes
    }
    _write_tables(root, settings.version, build_tables(settings, scenes, measurements))
    return True


def _manifest(settings: Settings) -> dict:
    content = {"format": FORMAT, **asdict(settings), "image_size": list(settings.image_size)}
    # What is as it was when there was no choice is not written: older folders stay complete.
    unwritten = {"dataset": "nuscenes", "raise_cameras": 0, "pitch_cameras": 0}
    return {key: value for key, value in content.items() if unwritten.get(key) != value}


def _readme(settings: Settings) -> str:
    described = settings.format
    title = described.devkit.title
    origin = (
        "Everything in this folder is simulated: a straight street and its traffic, built of "
        f"simple shapes, rendered by computer and written in the format of {title}. It holds no "
        f"measurement of the real world, and nothing of the {title} dataset but "
        f"{described.borrowed}. Results on it say nothing about results on {title}."
    )
    return README.format(
        origin=fill(origin, 100),
        test=described.versions[-1],
        cameras={4: "four", 6: "six"}[len(described.cameras)],
        absent=described.absent,
    )


def _measurement_path(root: Path, keyframe: Keyframe) -> Path:
    return root / MEASUREMENTS / f"{keyframe.timestamp_us}.npy"


def _is_done(settings: Settings, root: Path, keyframe: Keyframe) -> bool:
    files = (root / keyframe.filename(sensor) for sensor in settings.sensors)
    return all(path.exists() for path in (_measurement_path(root, keyframe), *files))


def _write_keyframe(settings: Settings, root: Path, keyframe: Keyframe) -> None:
    """Write what a keyframe lacks of images, and its sweep and measurement."""
    scene = plan_scene(settings, keyframe.scene)
    for camera in settings.cameras:
        _write_image(settings, root, scene, keyframe, camera)
    points, measurement = _measure(settings, scene.world, keyframe)
    lidar = settings.format.lidar
    write(root / keyframe.filename(lidar), sweep_file(points, lidar.suffix))
    write(_measurement_path(root, keyframe), _npy(np.stack(astuple(measurement))))


def _measure(
    settings: Settings, world: World, keyframe: Keyframe
) -> tuple[np.ndarray, Measurement]:
    """Points (P, 5) of the sweep, and what all sensors saw."""
    to_global = world.ego.pose(keyframe.time()) @ settings.format.lidar.to_ego
    points, lidar_points = sweep(world, keyframe.time(), to_global)
    visible = np.zeros(len(world.things), dtype=int)
    covered = np.zeros(len(world.things), dtype=int)
    for camera in settings.cameras:
        time = keyframe.time(camera)
        pose = world.ego.pose(time) @ camera.to_ego
        rays = pixel_directions(
            camera.intrinsic(settings.image_size), settings.image_size, pose[:3, :3]
        )
        # The backdrop stands beyond all things and hides none of them.
        hits = cast(pose[:3, 3], rays, [thing.solid(time) for thing in world.things])
        visible += hits.visible
        covered += hits.covered
    return points, Measurement(lidar_points, visible, covered)


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
    write(path, encode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality))


def _npy(array: np.ndarray) -> bytes:
    file = BytesIO()
    np.save(file, array)
    return file.getvalue()


def _write_tables(root: Path, version: str, tables: dict[str, list[dict]]) -> None:
    draft = root / f"{version}.part"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    for name, records in tables.items():
        (draft / f"{name}.json").write_text(json.dumps(records, indent=1))
    # The folder with its name is the sign that all is done.
    shutil.rmtree(root / MEASUREMENTS)
    os.replace(draft, root / version)
