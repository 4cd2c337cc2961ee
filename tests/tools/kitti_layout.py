"""A small folder in KITTI's layout: images with painted boxes, calibration, labels, LiDAR."""

from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT = 620, 188
FOCAL = 361.0
# Where camera 0 lies in the frame of camera 2, metres: more than KITTI's 6 cm, so that leaving it
# out cannot go unseen.
OFFSET = np.array([0.9, -0.1, 0.3])
MATRIX = np.array([[FOCAL, 0, 305], [0, FOCAL, 86], [0, 0, 1]])
P2 = np.column_stack([MATRIX, MATRIX @ OFFSET])
# l, h, w and colour
CLASSES = {
    "Pedestrian": (0.8, 1.8, 0.6, (40, 60, 220)),
    "Cyclist": (1.8, 1.7, 0.6, (60, 200, 60)),
    "Car": (3.9, 1.55, 1.6, (200, 120, 40)),
}
LIDAR2CAM0 = np.array([[0.0, -1, 0, 0.1], [0, 0, -1, -0.2], [1, 0, 0, -0.3]])


def corners_of(box: np.ndarray) -> np.ndarray:
    """(8, 3) corners of a label's box: bottom centre, l, h, w, yaw about y."""
    x, y, z, length, height, width, yaw = box
    signs = np.array(np.meshgrid([-1, 1], [0, 1], [-1, 1])).reshape(3, -1).T
    along, up, across = (signs * (length / 2, -height, width / 2)).T
    cos, sin = np.cos(yaw), np.sin(yaw)
    return np.stack([x + cos * along + sin * across, y + up, z - sin * along + cos * across], 1)


def rectangle_of(box: np.ndarray, projection: np.ndarray) -> np.ndarray:
    """x1, y1, x2, y2 around a box's corners as a (3, 4) projection sees them, not clipped."""
    rays = np.column_stack([corners_of(box), np.ones(8)]) @ projection.T
    pixels = rays[:, :2] / rays[:, 2:]
    return np.concatenate([pixels.min(0), pixels.max(0)])


def draw_box(rng: np.random.Generator, size: tuple[float, float, float]) -> np.ndarray:
    """A box (7,), in camera 0's frame, all of which the image shows."""
    while True:
        z = rng.uniform(7, 12)
        x = rng.uniform(-0.6, 0.6) * z
        scale = rng.uniform(0.95, 1.05, 3)
        box = np.array([x, 1.6, z, *(scale * size), rng.uniform(-3, 3)])
        x1, y1, x2, y2 = rectangle_of(box, P2)
        if x1 > 1 and y1 > 1 and x2 < WIDTH - 1 and y2 < HEIGHT - 1 and y2 - y1 > 41:
            return box


def write_kitti(root: Path, train: int = 6, val: int = 6, per_class: int = 8) -> Path:
    """Write frames with the same objects of each class, and two of classes that are passed over."""
    rng = np.random.default_rng(0)
    for folder in ("image_2", "calib", "label_2", "velodyne"):
        (root / "training" / folder).mkdir(parents=True)
    for number in range(train + val):
        image = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
        image[:86] = (200, 170, 140)
        lines, points = [], []
        for name, (*size, colour) in CLASSES.items():
            for _ in range(per_class):
                box = draw_box(rng, size)
                x, y, z, length, height, width, yaw = box
                rectangle = rectangle_of(box, P2)
                (x1, y1), (x2, y2) = rectangle.reshape(2, 2).round().astype(int).tolist()
                cv2.rectangle(image, (x1, y1), (x2, y2), colour, -1)
                numbers = (*rectangle, height, width, length, x, y, z, yaw)
                alpha = yaw - np.arctan2(x, z)
                lines.append(f"{name} 0.00 0 {alpha:.6f} " + " ".join(f"{n:.6f}" for n in numbers))
                points.append((x, y - height / 2, z))
        lines.append("Van 0.00 0 0 10 10 60 60 2 2 5 -3 1.6 30 0.1")
        lines.append("DontCare -1 -1 -10 503 169 590 185 -1 -1 -1 -1000 -1000 -1000 -10")
        name = f"{number:06d}"
        cv2.imwrite(str(root / f"training/image_2/{name}.png"), image)
        (root / f"training/label_2/{name}.txt").write_text("\n".join(lines) + "\n")
        (root / f"training/calib/{name}.txt").write_text(calibration())
        lidar = (np.array(points) - LIDAR2CAM0[:, 3]) @ LIDAR2CAM0[:, :3]
        lidar = np.column_stack([lidar, np.ones(len(lidar))]).astype(np.float32)
        lidar.tofile(root / f"training/velodyne/{name}.bin")
    (root / "ImageSets").mkdir()
    splits = {"train": range(train), "val": range(train, train + val), "test": range(0)}
    for split, numbers in splits.items():
        listed = "".join(f"{number:06d}\n" for number in numbers)
        (root / "ImageSets" / f"{split}.txt").write_text(listed)
    return root


def calibration() -> str:
    """A calibration file's text."""
    matrices = {f"P{i}": np.column_stack([MATRIX, np.zeros(3)]) for i in (0, 1, 3)} | {
        "P2": P2,
        "R0_rect": np.eye(3),
        "Tr_velo_to_cam": LIDAR2CAM0,
        "Tr_imu_to_velo": np.eye(4)[:3],
    }
    order = ("P0", "P1", "P2", "P3", "R0_rect", "Tr_velo_to_cam", "Tr_imu_to_velo")
    lines = (f"{name}: " + " ".join(f"{x:.12e}" for x in matrices[name].ravel()) for name in order)
    return "\n".join(lines) + "\n\n"
