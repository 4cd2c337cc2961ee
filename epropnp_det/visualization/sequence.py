"""A nuScenes scene as a video: six cameras and the view from above."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from nuscenes import NuScenes
from tqdm import tqdm

from ..errors import UserError
from ..whole_file import whole_file
from .overview import predictions, sample_surround
from .style import DPI, save_figure
from .surround import surround_page

CODEC = "mp4v"
RATE = 2.0  # keyframes a second, as they were recorded


def save_sequence(
    out: str | Path,
    nusc: NuScenes,
    scene_name: str,
    results: Mapping[str, Sequence[dict]] | None = None,
    min_score: float = 0.2,
    max_boxes: int = 100,
    rate: float = RATE,
    dpi: float = DPI,
    keep_frames: bool = False,
) -> int:
    """Draw a scene's keyframes and make a video of them.

    Frames are pictures in the folder ``OUT.frames`` beside the video until it is whole; one that is
    there already is not drawn again, so an interrupted run goes on where it was. An ``out`` without
    the suffix ``.mp4`` is a folder that gets the frames alone.

    Args:
        out: the video, or a folder.
        nusc: the devkit's data set.
        scene_name: such as ``scene-0061``.
        results: detections by sample token, as ``results_nusc.json`` has them under ``results``;
            ground truth alone where None.
        min_score: predictions below it are left out.
        max_boxes: at most so many predictions are drawn, those of highest score.
        rate: frames a second.
        dpi: resolution, see :func:`.surround_page`; 200 give 1600 x 900 pixels.
        keep_frames: leave the folder of frames.

    Returns:
        Number of frames.

    Raises:
        UserError: there is no such scene, the results have none of its samples, an image is missing
            or broken, or this OpenCV cannot write the video.
    """
    out = Path(out)
    tokens = scene_samples(nusc, scene_name)
    if results is not None and not any(token in results for token in tokens):
        raise UserError(
            f"the results have none of the {len(tokens)} samples of {scene_name}: name results of "
            "the split that holds this scene."
        )
    folder = out if out.suffix != ".mp4" else out.with_name(f"{out.name}.frames")
    paths = []
    for i, token in enumerate(tqdm(tokens, unit="frame"), 1):
        detections = None if results is None else results.get(token, ())
        # The name tells what is drawn, so that no frame of other results is taken for this one.
        content = json.dumps([token, detections, min_score, max_boxes, dpi])
        paths.append(folder / f"{i:04d}_{zlib.crc32(content.encode()):08x}.png")
        if not paths[-1].exists():
            found = None
            if detections is not None:
                found = predictions(detections, min_score, max_boxes)
            scene = sample_surround(nusc, token, found, f"{scene_name}, {i} of {len(tokens)}")
            save_figure(surround_page(scene, dpi), paths[-1])
    if folder != out:
        write_video(out, paths, rate)
        if not keep_frames:
            for path in paths:
                path.unlink()
            if not any(folder.iterdir()):
                folder.rmdir()
    return len(paths)


def scene_samples(nusc: NuScenes, scene_name: str) -> list[str]:
    """Tokens of a scene's keyframes, in order.

    Raises:
        UserError: there is no such scene.
    """
    scenes = {scene["name"]: scene for scene in nusc.scene}
    if scene_name not in scenes:
        names = sorted(scenes)
        known = ", ".join(names[:10]) + (f" and {len(names) - 10} more" * (len(names) > 10))
        raise UserError(f"{nusc.version} has no scene {scene_name}: it has {known}.")
    tokens, token = [], scenes[scene_name]["first_sample_token"]
    while token:
        tokens.append(token)
        token = nusc.get("sample", token)["next"]
    return tokens


def read_results(path: str | Path) -> dict[str, list[dict]]:
    """Detections by sample token of a ``results_nusc.json``.

    Raises:
        UserError: the file is missing or no such file.
    """
    try:
        results = json.loads(Path(path).read_text(encoding="utf-8"))["results"]
        if not isinstance(results, dict):
            raise TypeError("results is no object")
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing: name results_nusc.json of a test run") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        # Not the error itself: that of a binary file repeats all of it.
        raise UserError(
            f"{path} is no results_nusc.json ({type(error).__name__}): name that of a test run"
        ) from error
    return results


def write_video(out: str | Path, frames: Sequence[Path], rate: float = RATE) -> None:
    """Make a video of pictures; it is there whole or not at all.

    Args:
        out: file that ends with ``.mp4``.
        frames: pictures of one size.
        rate: frames a second.

    Raises:
        UserError: a picture is not readable or of another size, or OpenCV cannot write the video.
    """
    try:
        with whole_file(out) as draft:
            writer = None
            for image in _images(frames):
                if writer is None:
                    size = image.shape[1::-1]
                    codec = cv2.VideoWriter_fourcc(*CODEC)
                    writer = cv2.VideoWriter(str(draft), codec, rate, size)
                    if not writer.isOpened():
                        raise UserError(
                            f"OpenCV cannot write {out} with codec {CODEC}: name a folder with "
                            "--out, which gets the frames."
                        )
                writer.write(image)
            writer.release()
    except OSError as error:
        raise UserError(f"cannot write {out} ({error}): name another --out") from error


def _images(paths: Sequence[Path]) -> Iterator[np.ndarray]:
    """(H, W, 3), BGR, of one size."""
    shape = None
    for path in paths:
        image = cv2.imread(str(path))
        if image is None or shape not in (None, image.shape):
            raise UserError(
                f"frame {path} is not readable or not as large as the others: remove it and run "
                "again"
            )
        shape = image.shape
        yield image
