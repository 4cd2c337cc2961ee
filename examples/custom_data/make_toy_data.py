"""Write a toy dataset as one's own might look: images, labels in a format of its own, a camera.

    python examples/custom_data/make_toy_data.py data/yard

A camera 1.5 m above the ground sees forklifts and pallets, drawn as boxes.
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT = 320, 192
CAM2IMG = np.array([[260.0, 0, 160], [0, 260, 80], [0, 0, 1]])
GROUND = 1.5  # y of the ground in the camera frame, metres
# Length, height and width in metres, and colour (BGR).
KINDS = {"forklift": ((2.4, 2.1, 1.2), (20, 120, 230)), "pallet": ((1.2, 0.9, 0.8), (220, 140, 60))}
SIDES = [(0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (2, 3, 7, 6), (0, 2, 6, 4), (1, 3, 7, 5)]


def scatter(rng: np.random.Generator) -> list[dict]:
    """Labels of one image, nearest last, so that they are painted in that order."""
    labels = []
    for z in sorted(rng.uniform(6, 20, rng.integers(2, 5)), reverse=True):
        kind = str(rng.choice(list(KINDS)))
        size = KINDS[kind][0] * rng.normal(1, 0.05, 3)
        labels.append(
            {
                "kind": kind,
                "on_ground_at": [float(rng.uniform(-0.45, 0.45) * z), float(z)],
                "length_height_width": size.tolist(),
                "heading_degrees": float(rng.uniform(-180, 180)),
            }
        )
    return labels


def paint(labels: list[dict], rng: np.random.Generator) -> np.ndarray:
    """The image (H, W, 3) of the labelled objects."""
    image = np.full((HEIGHT, WIDTH, 3), (200, 190, 180), dtype=np.uint8)
    image[int(CAM2IMG[1, 2]) :] = 110
    for label in labels:
        length, height, width = label["length_height_width"]
        yaw = np.deg2rad(label["heading_degrees"])
        x, z = label["on_ground_at"]
        unit = np.array([[(i >> axis & 1) - 0.5 for axis in range(3)] for i in range(8)])
        corners = unit * (length, height, width)
        c, s = np.cos(yaw), np.sin(yaw)
        corners = corners @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T
        corners += x, GROUND - height / 2, z
        pixels = corners @ CAM2IMG[:2].T / corners[:, 2:]
        colour = np.array(KINDS[label["kind"]][1])
        sides = sorted(SIDES, key=lambda side: -corners[list(side), 2].mean())
        for i, side in enumerate(sides):
            shade = (colour * (0.5 + 0.1 * i)).tolist()
            cv2.fillConvexPoly(image, pixels[list(side)].astype(np.int32), shade)
    return cv2.add(image, rng.integers(0, 12, image.shape, dtype=np.uint8))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("root", type=Path, help="folder to write; made when absent")
    parser.add_argument("--images", type=int, default=16)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    for folder in ("images", "labels"):
        (args.root / folder).mkdir(parents=True, exist_ok=True)
    (args.root / "camera.json").write_text(json.dumps({"cam2img": CAM2IMG.tolist()}))
    for number in range(args.images):
        labels = scatter(rng)
        cv2.imwrite(str(args.root / "images" / f"{number:04d}.png"), paint(labels, rng))
        (args.root / "labels" / f"{number:04d}.json").write_text(json.dumps(labels, indent=1))
    print(f"{args.root}: {args.images} images")


if __name__ == "__main__":
    main()
