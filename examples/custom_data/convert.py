"""From a dataset of one's own to the info file that training reads.

    python examples/custom_data/convert.py data/yard

What has to be adapted is `frame`: where its labels say what, in which units and frame.
"""

import argparse
import json
import pickle
from pathlib import Path

import cv2
import numpy as np
from yard_dataset import YardDataset

from epropnp_det.datasets.box_projection import box_corners, project_box
from epropnp_det.datasets.nuscenes_names import NO_ATTRIBUTE
from epropnp_det.whole_file import whole_file

CLASSES = YardDataset.METAINFO["classes"]
CAMERA = "CAM"
GROUND = 1.5  # y of the ground in the camera frame, metres


def frame(root: Path, number: int, image: Path, cam2img: np.ndarray) -> dict:
    """Entry of an image in the info file."""
    height, width = cv2.imread(str(image)).shape[:2]
    labels = json.loads((root / "labels" / f"{image.stem}.json").read_text())
    found = (instance(label, cam2img, (width, height)) for label in labels)
    return {
        "sample_idx": number,
        "token": image.stem,
        "ego2global": np.eye(4).tolist(),
        "images": {
            CAMERA: {
                "img_path": str(image.relative_to(root)),
                "height": height,
                "width": width,
                "cam2img": cam2img.tolist(),
            }
        },
        "cam_instances": {CAMERA: [entry for entry in found if entry is not None]},
    }


def instance(label: dict, cam2img: np.ndarray, image_size: tuple[int, int]) -> dict | None:
    """Entry of an object, or None where the image does not show it."""
    length, height, width = label["length_height_width"]
    x, z = label["on_ground_at"]
    center = np.array([x, GROUND - height / 2, z])  # of gravity
    yaw = np.deg2rad(label["heading_degrees"])  # the front looks along (cos yaw, 0, -sin yaw)
    c, s = np.cos(yaw), np.sin(yaw)
    rotation = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    corners = box_corners(center, np.array([length, height, width]), rotation)
    shown = project_box(corners, cam2img, image_size)
    if shown is None:
        return None
    u, v, depth = cam2img @ center
    return {
        "bbox": list(shown.bbox),
        "bbox_label": CLASSES.index(label["kind"]),
        "bbox_label_3d": CLASSES.index(label["kind"]),
        "bbox_3d": [*center.tolist(), length, height, width, yaw],
        "bbox_3d_isvalid": True,
        "center_2d": [u / depth, v / depth],
        "depth": depth,
        "velocity": [np.nan, np.nan],  # not known, which the loss heeds
        "attr_label": NO_ATTRIBUTE,
    }


def print_sizes(frames: list[dict]) -> None:
    """Print mean and spread of the sizes of each class, for `dim_coder` in the config."""
    entries = [entry for frame in frames for entry in frame["cam_instances"][CAMERA]]
    for label, name in enumerate(CLASSES):
        sizes = np.array([e["bbox_3d"][3:6] for e in entries if e["bbox_label_3d"] == label])
        mean, std = (tuple(values.round(2).tolist()) for values in (sizes.mean(0), sizes.std(0)))
        print(f"{name}: {len(sizes)} objects, mean {mean}, std {std}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("root", type=Path, help="folder of images, labels and camera.json")
    root = parser.parse_args().root
    cam2img = np.array(json.loads((root / "camera.json").read_text())["cam2img"])
    images = sorted((root / "images").iterdir())
    frames = [frame(root, number, image, cam2img) for number, image in enumerate(images)]
    metainfo = {"categories": {name: label for label, name in enumerate(CLASSES)}}
    with whole_file(root / "infos_train.pkl") as draft:
        draft.write_bytes(pickle.dumps({"metainfo": metainfo, "data_list": frames}))
    print(f"{root / 'infos_train.pkl'}: {len(frames)} images")
    print_sizes(frames)


if __name__ == "__main__":
    main()
