"""nuScenes as single images with boxes in each camera's own frame."""

import os.path as osp
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import torch
from mmdet3d.datasets import NuScenesDataset
from mmdet3d.registry import DATASETS
from mmengine.fileio import isdir
from mmengine.logging import print_log

from ..errors import UserError
from .image_folders import image_folders
from .info_file import images_per_frame, read_info_file
from .nuscenes_names import CAMERAS, LIDAR
from .rig import NUSCENES, Rig
from .subsets import SubsetsAlone
from .transforms import LevelImage

_DATA_PREFIX = {
    "sweeps": f"sweeps/{LIDAR}",
    # Of cameras that nuScenes does not have.
    "img": "",
    **{camera: f"samples/{camera}" for camera in CAMERAS},
}

# The highest of nuScenes' levels of visibility: at least 80 % of the object.
_CLEAREST = 4


@DATASETS.register_module()
class NuScenesMonoDataset(SubsetsAlone, NuScenesDataset):
    """The stock dataset, set up and mended for monocular detection.

    It reads the info files of :func:`~epropnp_det.datasets.create_nuscenes_infos` and, doing
    without the extras, those of mmdet3d, of any number of cameras, with or without a LiDAR. One
    item is one image; ``sample_idx`` is six times the frame's number (or as many times as it has
    cameras, where these are more) plus the camera's position in ``info['images']``, also in a
    subset of the dataset. An item has, besides what the stock dataset gives:

    - ``lidar_points``, where there is a LiDAR: absolute ``lidar_path`` of the keyframe's sweep,
      ``lidar2ego`` and ``ego2global`` (4x4) at the LiDAR's timestamp, whatever the modality;
    - ``images[camera]['cam2img']``: (3, 3) float64 array; with our info files also ``ego2global``
      at the camera's own timestamp;
    - NaN where a velocity is unknown (the stock dataset says zero).

    The table in the log counts the boxes that the filters leave. The ``img_path`` of a camera is
    looked for in its folder of the nuScenes layout, below ``data_root`` and beside the info file.
    Images that the file describes as turned level are turned behind the first step of the pipeline.

    Args:
        data_root: The nuScenes folder.
        ann_file: Info file, relative to ``data_root`` or absolute.
        pipeline: Transforms.
        data_prefix: Folders that differ from the nuScenes layout.
        box_type_3d: As in the stock dataset.
        load_type: As in the stock dataset.
        modality: As in the stock dataset.
        filter_empty_gt: Whether images without objects are passed over in training.
        use_valid_flag: Drop the boxes without LiDAR and radar points, as the devkit's evaluation
            does (info files of mmdet3d do not tell: they call every camera box valid). If False,
            drop the boxes without LiDAR points.
        filter_points: Whether boxes are dropped for a lack of points, as above. False keeps them
            all, for labels that were made from images.
        min_visibility: Drop boxes with a nuScenes visibility level (1 to 4) below it; boxes of
            unknown visibility stay, which are all of a stock info file.
        rig: Description of a dataset that is not nuScenes, see :class:`~epropnp_det.datasets.Rig`;
            the info file must have been made with it.
        **kwargs: As in the stock dataset. A ``version`` in ``metainfo`` must match the info file's.

    Raises:
        UserError: The data root or info file is missing, or the info file is unreadable, empty,
            not in v2 format, of another version or rig, or lacks what a filter asks for; or there
            is no such ``min_visibility``.
    """

    # Without the stock default 'v1.0-trainval', the info file tells the version.
    METAINFO = {k: v for k, v in NuScenesDataset.METAINFO.items() if k != "version"}

    def __init__(
        self,
        data_root: str,
        ann_file: str,
        pipeline: Sequence[dict | Callable] = (),
        data_prefix: dict | None = None,
        box_type_3d: str = "Camera",
        load_type: str = "mv_image_based",
        modality: dict | None = None,
        filter_empty_gt: bool = False,
        use_valid_flag: bool = True,
        filter_points: bool = True,
        min_visibility: int = 0,
        rig: dict | None = None,
        **kwargs,
    ) -> None:
        if not 0 <= min_visibility <= _CLEAREST:
            raise UserError(
                f"min_visibility is {min_visibility}: give a level from 1 to {_CLEAREST}, or 0 for "
                "all."
            )
        self.min_visibility = min_visibility
        self.filter_points = filter_points
        self._left_out: Counter[str] = Counter()
        self._rig = Rig.from_dict(rig or {})
        if self._rig != NUSCENES:
            named = {"classes": self._rig.classes, "palette": "random"}
            # The base class looks up here what the labels of the info file mean.
            self.METAINFO = {**self.METAINFO, **named}
            kwargs["metainfo"] = {**named, **(kwargs.get("metainfo") or {})}
        super().__init__(
            data_root=data_root,
            ann_file=ann_file,
            pipeline=list(pipeline),
            data_prefix={**_DATA_PREFIX, "pts": self._rig.lidar_folder, **(data_prefix or {})},
            box_type_3d=box_type_3d,
            load_type=load_type,
            modality=modality or {"use_lidar": False, "use_camera": True},
            filter_empty_gt=filter_empty_gt,
            use_valid_flag=use_valid_flag,
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """Items of the info file, one an image."""
        if self.data_root and not isdir(self.data_root):
            raise UserError(f"data_root {self.data_root} is not a folder: set it in the config")
        content = read_info_file(self.ann_file)
        found = content["metainfo"].get("version")
        if self._metainfo.get("version", found) != found:
            raise UserError(
                f"info file {self.ann_file} is of {found} but the config asks for "
                f"{self._metainfo['version']}: change metainfo.version or ann_file"
            )
        if Rig.of_metainfo(content["metainfo"]) != self._rig:
            raise UserError(
                f"info file {self.ann_file} was made with another rig than that of the data set: "
                "make it anew with tools/create_data.py and --rig, or set the data set's rig."
            )
        self._metainfo = {**content["metainfo"], **self._metainfo}
        frames = content["data_list"]
        self._images_per_frame = images_per_frame(frames)
        elsewhere = self.data_root or "", osp.dirname(self.ann_file)
        self.data_prefix |= image_folders(frames, self.data_prefix, elsewhere)
        self._turn_level(frames)
        parsed = (self.parse_data_info(frame) for frame in frames)
        items = [item for part in parsed for item in (part if isinstance(part, list) else [part])]
        if self._left_out and not self.test_mode:
            counted = ", ".join(f"{count} {why}" for why, count in self._left_out.items())
            print_log(f"Boxes of {self.ann_file} that are left out: {counted}.", "current")
        return items

    def _turn_level(self, frames: Sequence[dict]) -> None:
        """Have images of tilted cameras turned level as soon as they are loaded."""
        steps = self.pipeline.transforms
        tilted = any(
            "homography" in x for frame in frames for x in frame.get("images", {}).values()
        )
        if tilted and steps and not any(isinstance(step, LevelImage) for step in steps):
            steps.insert(1, LevelImage())

    def parse_data_info(self, info: dict) -> list[dict] | dict:
        """Items of one frame; see the class for what is added to the stock items."""
        lidar = {}
        if "lidar_points" in info:
            points = info["lidar_points"]
            path = osp.join(self.data_prefix["pts"], points["lidar_path"])
            lidar = {
                "lidar_points": {"ego2global": info["ego2global"], **points, "lidar_path": path}
            }
        items = super().parse_data_info(info)
        if self.load_type == "mv_image_based":
            for i, item in enumerate(items):
                item["sample_idx"] = info["sample_idx"] * self._images_per_frame + i
                item["image_idx"] = item["sample_idx"]
                item.update(lidar)
                for image in item["images"].values():
                    image["cam2img"] = np.array(image["cam2img"], dtype=np.float64)
        return items

    def get_data_info(self, idx: int) -> dict:
        """Item ``idx``, with the ``sample_idx`` of its frame and camera."""
        item = super().get_data_info(idx)
        # The base class numbers items by their place, which a subset changes.
        item["sample_idx"] = item.get("image_idx", item["sample_idx"])
        return item

    def parse_ann_info(self, info: dict) -> dict:
        """Annotations as arrays of equal length, N or 0, with NaN for an unknown velocity."""
        counts = list(self.num_ins_per_cat)
        ann_info = super().parse_ann_info(info)
        # The stock table counts boxes before they are filtered.
        for label in ann_info["gt_labels_3d"]:
            counts[label] += 1
        self.num_ins_per_cat = counts
        unknown = ann_info.pop("velocity_unknown", None)
        if unknown is not None and self.with_velocity:
            ann_info["velocities"][unknown] = np.nan
            ann_info["gt_bboxes_3d"].tensor[torch.from_numpy(unknown), 7:] = torch.nan
        for key in ("gt_bboxes_labels", "attr_labels"):
            # The stock empty case is a scalar.
            if np.ndim(ann_info.get(key, ())) == 0:
                ann_info[key] = np.zeros(0, dtype=np.int64)
        return ann_info

    def _filter_with_mask(self, ann_info: dict) -> dict:
        if self.filter_points and not self.use_valid_flag and "num_lidar_pts" not in ann_info:
            raise UserError(
                f"info file {self.ann_file} has no LiDAR point counts: set use_valid_flag=True or "
                f"make it with tools/create_data.py"
            )
        ann_info = self._remove_dontcare(ann_info)
        if self.filter_points:
            before = len(ann_info["gt_labels_3d"])
            ann_info = super()._filter_with_mask(ann_info)
            self._count_out("without points (filter_points)", before, ann_info)
        if "visibility" in ann_info:
            before = len(ann_info["gt_labels_3d"])
            level = ann_info["visibility"]
            keep = (level >= self.min_visibility) | (level < 1)
            ann_info = {k: v if k == "instances" else v[keep] for k, v in ann_info.items()}
            self._count_out("of lower visibility (min_visibility)", before, ann_info)
        # The base class is about to overwrite NaN with zero.
        ann_info["velocity_unknown"] = np.isnan(ann_info["velocities"]).any(axis=1)
        return ann_info

    def _count_out(self, why: str, before: int, ann_info: dict) -> None:
        if dropped := before - len(ann_info["gt_labels_3d"]):
            self._left_out[why] += dropped
