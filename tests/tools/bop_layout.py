"""A tiny data set in BOP's format: boxes, rendered by intersecting rays with their six planes."""

import json
from pathlib import Path

import cv2
import numpy as np
import trimesh
from scipy.spatial.transform import Rotation

WIDTH, HEIGHT = 96, 72
CAM2IMG = np.array([[110, 0, 47.3], [0, 108, 36.2], [0, 0, 1]])
# Least and greatest corner, mm.
BOXES = {
    1: ((-40, -60, -30), (50, 60, 35)),
    2: ((-20, -25, -30), (20, 25, 30)),
    5: ((-30, -35, -25), (30, 35, 25)),
}
COLORS = {1: (30, 60, 220), 5: (210, 90, 40)}
# Per scene and image: object, rotation vector, translation in mm.
SCENES = {
    1: {
        0: [(5, (0.3, 0.2, 0.1), (30, 10, 320)), (1, (-0.4, 0.5, 0.3), (-10, 0, 450))],
        3: [(1, (0.2, -0.6, 1.1), (-190, 60, 430))],
        10: [(1, (1.2, 0.1, -0.4), (20, -10, 500)), (5, (0, 0, 0), (40, -20, 1500))],
    },
    4: {7: [(5, (0.1, 0.9, 0.2), (0, 5, 280))]},
}


def _meet_box(box: tuple, starts: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Where rays (R, 3) first meet a box, in lengths of the rays, inf where they do not."""
    low, high = (np.array(corner, float) for corner in box)
    with np.errstate(divide="ignore", invalid="ignore"):
        planes = np.stack([(low - starts) / rays, (high - starts) / rays])
    near, far = planes.min(axis=0).max(axis=1), planes.max(axis=0).min(axis=1)
    return np.where((near <= far) & (near > 0), near, np.inf)


def box_depths(obj_id: int, rotation: np.ndarray, translation: np.ndarray, pixels: np.ndarray):
    """Depths (R,) in mm of a box behind pixels (R, 2)."""
    ahead = np.concatenate([pixels, np.ones((len(pixels), 1))], axis=1)
    rays = ahead @ np.linalg.inv(CAM2IMG).T @ rotation
    return _meet_box(BOXES[obj_id], -rotation.T @ translation, rays)


def _bounds(mask: np.ndarray, corner: tuple[int, int] = (0, 0)) -> list[int]:
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return [-1, -1, -1, -1]
    first = columns.min(), rows.min()
    return [
        int(first[0]) + corner[0],
        int(first[1]) + corner[1],
        int(np.ptp(columns)),
        int(np.ptp(rows)),
    ]


def _image(folder: Path, im_id: int, objects: list, suffix: str) -> tuple[list, list]:
    """Write an image and its masks; what scene_gt and scene_gt_info say of it."""
    # Boxes are those of the whole object, also beyond the border.
    grid = np.stack(np.meshgrid(np.arange(-WIDTH, 2 * WIDTH), np.arange(-HEIGHT, 2 * HEIGHT)), -1)
    turns = [Rotation.from_rotvec(turn).as_matrix() for _, turn, _ in objects]
    depths = np.stack(
        [
            box_depths(obj, turn, np.array(place, float), grid.reshape(-1, 2)).reshape(
                grid.shape[:2]
            )
            for (obj, _, place), turn in zip(objects, turns, strict=True)
        ]
    )
    inside = slice(HEIGHT, 2 * HEIGHT), slice(WIDTH, 2 * WIDTH)
    picture = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    truth, infos = [], []
    for index, ((obj, _, place), turn) in enumerate(zip(objects, turns, strict=True)):
        whole = np.isfinite(depths[index])
        mask = whole[inside]
        visible = (whole & (depths[index] == depths.min(axis=0)))[inside]
        picture[visible] = COLORS[obj]
        for name, content in (("mask", mask), ("mask_visib", visible)):
            cv2.imwrite(
                str(folder / name / f"{im_id:06d}_{index:06d}.png"), content.astype(np.uint8) * 255
            )
        pose = {"cam_R_m2c": turn.ravel().tolist(), "cam_t_m2c": list(map(float, place))}
        truth.append({**pose, "obj_id": obj})
        infos.append(
            {
                "bbox_obj": _bounds(whole, (-WIDTH, -HEIGHT)),
                "bbox_visib": _bounds(visible),
                "visib_fract": float(visible.sum() / max(whole.sum(), 1)),
                "px_count_all": int(whole.sum()),
            }
        )
    folder_of_images = folder / "rgb"
    cv2.imwrite(str(folder_of_images / f"{im_id:06d}{suffix}"), picture)
    return truth, infos


def _write_models(folder: Path) -> None:
    folder.mkdir()
    infos = {}
    for obj_id, (low, high) in BOXES.items():
        low, high = np.array(low, float), np.array(high, float)
        mesh = trimesh.creation.box(bounds=[low, high])
        kind = "ascii" if obj_id == 1 else "binary"
        content = trimesh.exchange.ply.export_ply(mesh, encoding=kind)
        (folder / f"obj_{obj_id:06d}.ply").write_bytes(content)
        info = {"diameter": float(np.linalg.norm(high - low))}
        for axis, least, greatest in zip("xyz", low, high, strict=True):
            info |= {f"min_{axis}": least, f"size_{axis}": greatest - least}
        infos[obj_id] = info
    infos[5]["symmetries_discrete"] = [[-1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]]
    (folder / "models_info.json").write_text(json.dumps(infos))


def write_bop(root: Path) -> Path:
    """Write the data set, in the split `train`."""
    root.mkdir(parents=True)
    _write_models(root / "models")
    camera = dict(fx=110.0, fy=108.0, cx=47.3, cy=36.2, width=WIDTH, height=HEIGHT, depth_scale=1.0)
    (root / "camera.json").write_text(json.dumps(camera))
    for scene_id, images in SCENES.items():
        folder = root / "train" / f"{scene_id:06d}"
        for name in ("rgb", "mask", "mask_visib"):
            (folder / name).mkdir(parents=True)
        suffix = ".png" if scene_id == 1 else ".jpg"
        written = {i: _image(folder, i, objects, suffix) for i, objects in images.items()}
        cameras = {i: {"cam_K": CAM2IMG.ravel().tolist(), "depth_scale": 1.0} for i in images}
        (folder / "scene_camera.json").write_text(json.dumps(cameras))
        for place, name in enumerate(("scene_gt", "scene_gt_info")):
            content = {i: both[place] for i, both in written.items()}
            (folder / f"{name}.json").write_text(json.dumps(content))
    return root
