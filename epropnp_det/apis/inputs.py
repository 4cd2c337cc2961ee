"""Images with their cameras, from whatever a user names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import mmcv
import numpy as np
from PIL import Image, UnidentifiedImageError

from ..camera_matrix import check_camera_matrix, read_camera_matrix
from ..datasets import KittiMonoDataset, NuScenesMonoDataset
from ..datasets.image_headers import shown_size
from ..datasets.info_file import read_info_file
from ..datasets.levelling import LevelView, tilted_camera, turn_image
from ..errors import UserError
from ..image_depth import check_image_depth
from .listed_cameras import ListedCamera, listed_cameras

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm"})


@dataclass(frozen=True)
class CameraImage:
    """An image and its camera.

    Attributes:
        path: the image's or the video's file; ``array_0`` and so on for images in memory.
        cam2img: (3, 3) camera matrix of the image as it is stored or turned, pixels.
        source: what else says which image it is, as :data:`~.predictions.PREDICTIONS_SCHEMA` has
            it: ``frame`` of a video, ``sample_token`` and ``camera`` of an info file.
        frame: (H, W, 3) uint8 the decoded frame of a video, or the image in memory, BGR.
        homography: (3, 3) from pixels of the stored image to those of a level camera, whose matrix
            ``cam2img`` then is; None where the camera itself is level.
    """

    path: str
    cam2img: np.ndarray
    source: dict
    frame: np.ndarray | None = None
    homography: np.ndarray | None = None

    @property
    def bgr(self) -> np.ndarray:
        """(H, W, 3) the image as a level camera has it, BGR."""
        stored = mmcv.imread(self.path) if self.frame is None else self.frame
        return stored if self.homography is None else turn_image(stored, self.homography)

    @property
    def pixels(self) -> np.ndarray:
        """(H, W, 3) the same, RGB."""
        return self.bgr[..., ::-1]

    @property
    def to_load(self) -> str | np.ndarray:
        """What a pipeline loads: the file, or what is in memory."""
        in_memory = self.frame is not None or self.homography is not None
        return self.bgr if in_memory else self.path

    def levelled(self, tilt: tuple[float, float], size: tuple[int, int]) -> CameraImage:
        """The image of a tilted camera as a level one has it.

        Args:
            tilt: pitch and roll, degrees, as of :func:`tilted_camera`.
            size: (width, height), pixels.

        Raises:
            UserError: the camera looks up or down too steeply.
        """
        view = LevelView.of(tilted_camera(*tilt), self.cam2img, size)
        return replace(self, cam2img=view.cam2img, homography=view.homography)


class VideoFrames:
    """The frames of a video, read one by one.

    Args:
        path: a file that OpenCV can read.
        cam2img: (3, 3) camera matrix, pixels.
        tilt: pitch and roll of the camera, degrees; None for a level one.

    Raises:
        UserError: OpenCV cannot read it, or the matrix cannot be the camera's.
    """

    def __init__(
        self, path: str, cam2img: np.ndarray, tilt: tuple[float, float] | None = None
    ) -> None:
        self.path = path
        self.cam2img = cam2img
        self.tilt = tilt
        video = cv2.VideoCapture(path)
        read, first = video.read()
        self.length = max(0, int(video.get(cv2.CAP_PROP_FRAME_COUNT)))
        if not read:
            raise UserError(f"the video {path} cannot be read by OpenCV: convert it to .mp4.")
        check_camera_matrix(cam2img, first.shape[1::-1], path)

    def __len__(self) -> int:
        """Number of frames that the file announces."""
        return self.length

    def __iter__(self) -> Iterator[CameraImage]:
        video = cv2.VideoCapture(self.path)
        number = 0
        while (found := video.read())[0]:
            image = CameraImage(self.path, self.cam2img, {"frame": number}, found[1])
            yield image if self.tilt is None else image.levelled(self.tilt, _array_size(image))
            number += 1


def gather(
    inputs: str | Path | np.ndarray | Sequence[str | Path | np.ndarray],
    cam2img: np.ndarray | str | Path | None = None,
    data_root: str | Path | None = None,
    cameras: Sequence[str] | None = None,
    samples: Sequence[str] | None = None,
    tilt: tuple[float, float] | None = None,
) -> Sequence[CameraImage] | VideoFrames:
    """Find the images that are meant, and make sure that each is there and has a sane camera.

    Args:
        inputs: an image, a list of images, a folder of images, a video, or an info file (.pkl) of
            nuScenes or KITTI. An image is a file or a (H, W, 3) uint8 array, BGR as OpenCV has it.
        cam2img: (3, 3) camera matrix of all of them, a file that holds one (.csv or .json), or an
            info file that lists them; with an info file as input, None.
        data_root: folder of the dataset of an info file; the file's own folder when None.
        cameras: only the images of these cameras of an info file.
        samples: only the images of samples with these tokens; KITTI's are image numbers ("000012").
        tilt: pitch (down) and roll (clockwise) of the camera, degrees, by which the images are
            turned level; info files tell of their own.

    Raises:
        UserError: something is missing, unreadable, empty or does not fit together.
    """
    if isinstance(inputs, (str, Path)) and Path(inputs).suffix == ".pkl":
        if cam2img is not None:
            raise UserError(f"{inputs} has camera matrices of its own: leave the other one out.")
        if tilt is not None:
            raise UserError(
                f"{inputs} tells of its cameras how they are tilted: leave the tilt out, and turn "
                "them level with tools/create_data.py --level."
            )
        images = _of_info_file(Path(inputs), data_root, cameras, samples)
    else:
        if any(choice is not None for choice in (data_root, cameras, samples)):
            raise UserError(
                f"data root, cameras and samples select from an info file, and {inputs} is none."
            )
        found = _files(inputs)
        if not found:
            raise UserError("the list of images is empty: name at least one.")
        arrays = [x if isinstance(x, np.ndarray) else None for x in found]
        paths = [
            str(x) if a is None else f"array_{i}"
            for i, (x, a) in enumerate(zip(found, arrays, strict=True))
        ]
        if cam2img is None:
            raise UserError(
                f"the camera matrix of {paths[0]} is missing: give a 3x3 .csv or .json file, or an "
                "info file that lists the image."
            )
        listed = _cameras(cam2img, paths)
        if Path(paths[0]).suffix.lower() in VIDEO_SUFFIXES:
            return VideoFrames(paths[0], listed[0].cam2img, tilt)
        images = [
            CameraImage(path, camera.cam2img, {}, array, camera.homography)
            for path, camera, array in zip(paths, listed, arrays, strict=True)
        ]
    return [_checked(image, tilt) for image in images]


def _checked(image: CameraImage, tilt: tuple[float, float] | None) -> CameraImage:
    """The image, turned level, after a look at the file and the camera."""
    size = _image_size(image.path) if image.frame is None else _array_size(image)
    if image.homography is not None:
        # The principal point of a level camera may be anywhere.
        if tilt is not None:
            raise UserError(f"the info file turns {image.path} level itself: leave the tilt out.")
        return image
    check_camera_matrix(image.cam2img, size, image.path)
    return image if tilt is None else image.levelled(tilt, size)


def _files(
    inputs: str | Path | np.ndarray | Iterable[str | Path | np.ndarray],
) -> list[str | Path | np.ndarray]:
    """The images, or the one video, that are meant."""
    if isinstance(inputs, np.ndarray):
        return [inputs]
    if not isinstance(inputs, (str, Path)):
        return list(inputs)
    path = Path(inputs)
    if not path.is_dir():
        return [path]
    found = sorted(str(p) for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
    if not found:
        raise UserError(f"the folder {path} holds no image: give one of {_list(IMAGE_SUFFIXES)}.")
    return found


def _cameras(cam2img: np.ndarray | str | Path, paths: Sequence[str]) -> list[ListedCamera]:
    """The camera of each image."""
    if not isinstance(cam2img, (str, Path)):
        return [ListedCamera(np.asarray(cam2img, dtype=np.float64))] * len(paths)
    if Path(cam2img).suffix != ".pkl":
        return [ListedCamera(read_camera_matrix(cam2img))] * len(paths)
    return listed_cameras(cam2img, paths)


def _of_info_file(
    path: Path,
    data_root: str | Path | None,
    cameras: Sequence[str] | None,
    samples: Sequence[str] | None,
) -> list[CameraImage]:
    if data_root is not None and not Path(data_root).is_dir():
        raise UserError(f"data root {data_root} is not a folder: name that of the dataset.")
    path = path.absolute()
    content = read_info_file(str(path))
    settings = dict(
        data_root=str(data_root or path.parent), ann_file=str(path), test_mode=True, lazy_init=True
    )
    if content["metainfo"].get("dataset") == "kitti":
        labelled = "instances" in content["data_list"][0]
        prefix = dict(img=f"{'training' if labelled else 'testing'}/image_2")
        dataset = KittiMonoDataset(**settings, data_prefix=prefix)
    else:
        dataset = NuScenesMonoDataset(**settings, rig=content["metainfo"].get("rig"))
    images = [
        CameraImage(
            view["img_path"],
            view["cam2img"][:3, :3],
            {
                "sample_token": item.get("token") or f"{item['sample_idx']:06d}",
                "camera": camera,
            },
            homography=np.array(view["homography"]) if "homography" in view else None,
        )
        for item in dataset.load_data_list()
        for camera, view in item["images"].items()
    ]
    for key, wanted in (("camera", cameras), ("sample_token", samples)):
        found = {image.source[key] for image in images}
        for name in wanted or ():
            if name not in found:
                raise UserError(
                    f"info file {path} has no {key.replace('_', ' ')} {name}: it has "
                    f"{_list(found) if len(found) < 10 else f'{len(found)} others'}."
                )
        if wanted:
            images = [image for image in images if image.source[key] in wanted]
    return images


def _image_size(path: str) -> tuple[int, int]:
    """(width, height) of an image file as OpenCV decodes it; all of it is read."""
    if not Path(path).is_file():
        raise UserError(f"the image {path} does not exist: correct the path or the data root.")
    try:
        check_image_depth(path)
        with Image.open(path) as image:
            size = shown_size(image)
            # A JPEG is read in a third of the time.
            image.draft(None, (image.width // 8, image.height // 8))
            image.load()
    except UnidentifiedImageError as error:
        raise UserError(f"{path} is not an image that can be read: convert it to .png.") from error
    # What PIL raises on files that are cut short or damaged.
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(
            f"the image {path} is damaged ({error}): copy or download it again."
        ) from error
    if not cv2.haveImageReader(path):
        raise UserError(f"the image {path} cannot be read by OpenCV: convert it to .png.")
    return size


def _array_size(image: CameraImage) -> tuple[int, int]:
    """(width, height) of an image in memory."""
    array = image.frame
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape or array.dtype != np.uint8:
        raise UserError(
            f"the image {image.path} is of shape {array.shape} and type {array.dtype}: give "
            "(height, width, 3) numbers of type uint8, in the order blue, green, red."
        )
    return array.shape[1], array.shape[0]


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
