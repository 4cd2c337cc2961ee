"""Info files of KITTI's object detection benchmark, in mmdet3d's v2 format.

Made from images, calibration and labels alone: mmdet3d's own converter, which is not part of its
package, also wants the 29 GB of LiDAR sweeps.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from ..errors import UserError
from ..whole_file import whole_file

CLASSES = ("Pedestrian", "Cyclist", "Car", "Van", "Truck", "Person_sitting", "Tram", "Misc")
"""The classes in the order in which mmdet3d numbers them."""

SPLITS = {"train": "training", "val": "training", "test": "testing"}
"""The folder of each split; its images are listed in ``ImageSets/{split}.txt``."""

_LIDAR_FEATURES = 4
_LABEL_FIELDS = 15


def create_kitti_infos(
    root: str | Path, out_dir: str | Path | None = None, info_prefix: str = "kitti"
) -> dict[Path, int]:
    """Write ``{info_prefix}_infos_{train,val,test}.pkl`` of the splits that are listed.

    Boxes are those of the label files: bottom centre x, y, z, then l, h, w and yaw, in the
    rectified frame of camera 0; ``cam2img`` is P2 with all four columns.

    Args:
        root: KITTI's folder, with ``training`` and ``testing``, and in ``ImageSets`` for each split
            a list of image numbers, one a line.
        out_dir: where the files go; ``root`` by default.
        info_prefix: first part of the file names.

    Returns:
        The number of images of each file that was written.

    Raises:
        UserError: a folder, list, image, calibration or label file is missing or unreadable.
    """
    root, out_dir = Path(root), Path(out_dir or root)
    if not root.is_dir():
        raise UserError(f"{root} is not a folder: name the KITTI folder with --root.")
    numbers = {
        split: (root / "ImageSets" / f"{split}.txt").read_text(encoding="utf-8").split()
        for split in SPLITS
        if (root / "ImageSets" / f"{split}.txt").is_file()
    }
    if not any(numbers.values()):
        raise UserError(
            f"{root}/ImageSets lists no image: put there train.txt, val.txt or test.txt with the "
            "image numbers of the split, one a line."
        )
    total = sum(map(len, numbers.values()))
    with tqdm(total=total, unit="image") as bar:
        frames = {
            split: [_frame(root / SPLITS[split], number, bar) for number in listed]
            for split, listed in numbers.items()
            if listed
        }
    categories = {name: i for i, name in enumerate(CLASSES)} | {"DontCare": -1}
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
    return written


def camera_offset(projection: np.ndarray) -> np.ndarray:
    """Where the rectified camera 0 lies in the frame of the camera of a projection matrix.

    The axes are parallel, so P = K [I | t] and x_camera = x_rectified + t.

    Args:
        projection: P, (3, 4) or (4, 4), pixels and pixels times metres.

    Returns:
        t (3,), metres.
    """
    projection = np.asarray(projection, dtype=np.float64)
    return np.linalg.solve(projection[:3, :3], projection[:3, 3])


def _frame(folder: Path, number: str, bar: tqdm) -> dict:
    calibration = _calibration(folder / "calib" / f"{number}.txt")
    projection = _square(calibration["P2"])
    lidar2cam = _square(calibration["R0_rect"]) @ _square(calibration["Tr_velo_to_cam"])
    width, height = _image_size(folder / "image_2" / f"{number}.png")
    camera = dict(
        img_path=f"{number}.png",
        width=width,
        height=height,
        cam2img=projection.tolist(),
        lidar2cam=lidar2cam.tolist(),
        lidar2img=(projection @ lidar2cam).tolist(),
    )
    frame = dict(
        sample_idx=int(number),
        images={"CAM2": camera},
        lidar_points=dict(lidar_path=f"{number}.bin", num_pts_feats=_LIDAR_FEATURES),
    )
    if folder.name != SPLITS["test"]:
        frame["instances"] = _instances(folder / "label_2" / f"{number}.txt", projection)
    bar.update()
    return frame


def _read(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing: unpack it, or correct ImageSets.") from error


def _calibration(path: Path) -> dict[str, np.ndarray]:
    """The matrices of a calibration file by their names."""
    shapes = {"P2": (3, 4), "R0_rect": (3, 3), "Tr_velo_to_cam": (3, 4)}
    entries = dict(line.split(":", 1) for line in _read(path) if ":" in line)
    try:
        return {
            name: np.array(entries[name].split(), dtype=np.float64).reshape(shape)
            for name, shape in shapes.items()
        }
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{path} does not hold the matrices {', '.join(shapes)}: unpack it again."
        ) from error


def _square(matrix: np.ndarray) -> np.ndarray:
    square = np.eye(4)
    square[: matrix.shape[0], : matrix.shape[1]] = matrix
    return square


def _image_size(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path) as image:
            return image.size
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing: unpack it, or correct ImageSets.") from error
    except UnidentifiedImageError as error:
        raise UserError(f"{path} is not a readable image: unpack it again.") from error


def _instances(path: Path, projection: np.ndarray) -> list[dict]:
    """Entries of a label file's objects, regions to be ignored (DontCare) included."""
    instances = []
    for line in _read(path):
        name, *fields = line.split()
        try:
            values = np.array(fields[: _LABEL_FIELDS - 1], dtype=np.float64)
            truncated, occluded, alpha, *rest = values.tolist()
            x1, y1, x2, y2, height, width, length, x, y, z, yaw = rest
        except ValueError as error:
            raise UserError(
                f"{path} has a line that is not of {_LABEL_FIELDS} fields: unpack it again."
            ) from error
        label = CLASSES.index(name) if name in CLASSES else -1
        u, v, depth, _ = projection @ (x, y - height / 2, z, 1)
        instances.append(
            dict(
                bbox=[x1, y1, x2, y2],
                bbox_label=label,
                bbox_3d=[x, y, z, length, height, width, yaw],
                bbox_label_3d=label,
                center_2d=[u / depth, v / depth],
                depth=depth,
                truncated=truncated,
                occluded=int(occluded),
                alpha=alpha,
                score=0.0,
                index=len(instances) if name != "DontCare" else -1,
            )
        )
    return instances
