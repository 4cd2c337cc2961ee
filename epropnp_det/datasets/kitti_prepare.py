"""Info files of KITTI's object detection benchmark, in mmdet3d's v2 format.

Made from images, calibration and labels alone: mmdet3d's own converter, which is not part of its
package, also wants the 29 GB of LiDAR sweeps.
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from ..errors import UserError
from ..image_depth import check_image_depth
from ..whole_file import whole_file
from .kitti_calibration import read_calibration
from .kitti_labels import CLASSES, DONT_CARE, counted, read_labels, sentences_on, unknown_of
from .kitti_text import numbered_words

SPLITS = {"train": "training", "val": "training", "test": "testing"}
"""The folder of each split; its images are listed in ``ImageSets/{split}.txt``."""

_LIDAR_FEATURES = 4
_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")


def create_kitti_infos(
    root: str | Path, out_dir: str | Path | None = None, info_prefix: str = "kitti"
) -> dict[Path, int]:
    """Write ``{info_prefix}_infos_{train,val,test}.pkl`` of the splits that are listed.

    Boxes are those of the label files: bottom centre x, y, z, then l, h, w and yaw, in the
    rectified frame of camera 0; ``cam2img`` is P2 with all four columns. Without Tr_velo_to_cam in
    the calibration there are no ``lidar_points``, and ``lidar2cam`` is the identity. What was taken
    otherwise than it is written, or left out, is printed.

    Args:
        root: KITTI's folder, with ``training`` and ``testing``, and in ``ImageSets`` for each split
            a list of image numbers, one a line.
        out_dir: where the files go; ``root`` by default.
        info_prefix: first part of the file names.

    Returns:
        The number of images of each file that was written.

    Raises:
        UserError: a folder, list, image, calibration or label file is missing or unreadable, a line
            of one is not as it should be, or the training split shows no object. No file is written
            then.
    """
    root, out_dir = Path(root), Path(out_dir or root)
    if not root.is_dir():
        raise UserError(f"{root} is not a folder: name the KITTI folder with --root.")
    numbers = {
        split: _image_numbers(root / "ImageSets" / f"{split}.txt")
        for split in SPLITS
        if (root / "ImageSets" / f"{split}.txt").is_file()
    }
    if not any(numbers.values()):
        raise UserError(
            f"{root}/ImageSets lists no image: put there train.txt, val.txt or test.txt with the "
            "image numbers of the split, one a line."
        )
    names = {split: Counter() for split in numbers}
    lacking = Counter()
    with tqdm(total=sum(map(len, numbers.values())), unit="image") as bar:
        frames = {
            split: [_frame(root / SPLITS[split], n, names[split], lacking, bar) for n in listed]
            for split, listed in numbers.items()
            if listed
        }
    if "train" in frames:
        _check_objects(frames["train"], root / "ImageSets" / "train.txt", names["train"])
    categories = {name: i for i, name in enumerate(CLASSES)} | {DONT_CARE: -1}
    metainfo = dict(categories=categories, dataset="kitti", info_version="1.1")
    written = {}
    for split, data_list in frames.items():
        path = out_dir / f"{info_prefix}_infos_{split}.pkl"
        try:
            with whole_file(path) as draft, open(draft, "wb") as file:
                pickle.dump(dict(metainfo=metainfo, data_list=data_list), file)
        except OSError as error:
            raise UserError(
                f"cannot write to {out_dir} ({error}): name another --out-dir"
            ) from error
        written[path] = len(data_list)
    for sentence in (*sentences_on(sum(names.values(), Counter())), *_sentences_on(lacking)):
        tqdm.write(sentence)
    return written


def _image_numbers(path: Path) -> list[str]:
    words = [(n, word) for n, words in numbered_words(path, "list images there") for word in words]
    for n, word in words:
        if not (word.isascii() and word.isdecimal()):
            raise UserError(
                f"{path}, line {n}: {word!r} is no image number: name the image as 000012, without "
                "folder and ending."
            )
    return [word for _, word in words]


def _frame(
    folder: Path, number: str, names: Counter[str], lacking: Counter[str], bar: tqdm
) -> dict:
    """The frame of one image; adds to the class names met and to the absent matrices."""
    calibration = read_calibration(folder / "calib" / f"{number}.txt")
    projection, lidar2cam = calibration.projection, calibration.lidar2cam
    image = _image(folder / "image_2", number)
    width, height = _image_size(image)
    camera = dict(
        img_path=image.name,
        width=width,
        height=height,
        cam2img=projection.tolist(),
        lidar2cam=lidar2cam.tolist(),
        lidar2img=(projection @ lidar2cam).tolist(),
    )
    frame = dict(sample_idx=int(number), images={"CAM2": camera})
    if calibration.lidar2cam0 is None:
        lacking["Tr_velo_to_cam"] += 1
    else:
        frame["lidar_points"] = dict(lidar_path=f"{number}.bin", num_pts_feats=_LIDAR_FEATURES)
        lacking["R0_rect"] += calibration.rectification is None
    if folder.name != SPLITS["test"]:
        frame["instances"] = read_labels(folder / "label_2" / f"{number}.txt", projection, names)
    bar.update()
    return frame


def _image(folder: Path, number: str) -> Path:
    """KITTI's are .png; the name of that where there is none."""
    paths = [folder / f"{number}{suffix}" for suffix in _IMAGE_SUFFIXES]
    return next((path for path in paths if path.is_file()), paths[0])


def _image_size(path: Path) -> tuple[int, int]:
    mend = f"unpack it, or take {path.stem} out of ImageSets"
    try:
        with Image.open(path) as image:
            size = image.size
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing: {mend}.") from error
    except UnidentifiedImageError as error:
        raise UserError(f"{path} is not a readable image: unpack it again.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): {mend}.") from error
    check_image_depth(path)
    return size


def _check_objects(frames: list[dict], listed: Path, names: Counter[str]) -> None:
    if any(each["bbox_label"] >= 0 for frame in frames for each in frame["instances"]):
        return
    met = f" (they have {counted(unknown_of(names))})" if unknown_of(names) else ""
    raise UserError(
        f"the labels of {listed} have no object of a class of KITTI{met}: call objects "
        f"{', '.join(CLASSES)}, or list images that show some."
    )


def _sentences_on(lacking: Counter[str]) -> Iterator[str]:
    """What was assumed for how many images."""
    if count := lacking["Tr_velo_to_cam"]:
        yield (
            f"Images without Tr_velo_to_cam in their calibration, taken to have no LiDAR: {count}."
        )
    if count := lacking["R0_rect"]:
        yield f"Images without R0_rect in their calibration, taken as rectified: {count}."
