"""6 DoF poses of known objects in boxes of images."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.device import get_device
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from tqdm import tqdm

from .. import register_all_modules
from ..command_line import check_output_folder
from ..engine.config import load_config
from ..engine.config_checks import check_object_pose
from ..engine.console import quieten
from ..engine.picture_names import picture_names
from ..errors import UserError
from ..evaluation.bop import EvaluatedModel
from ..predictions_file import PREDICTIONS_FILE, check_same_images, write_predictions
from ..structures import ObjectPoses, ObjectPoseSample
from ..visualization.object_pose import drawable_models
from .known_objects import KnownObjects
from .network import check_device, load_network
from .object_inputs import ImageObjects, boxed_objects, dataset_objects
from .object_predictions import object_entry
from .pictures import save_pose_picture


class ObjectPoseInferencer:
    """A trained network of 6 DoF, ready for images and boxes of the objects that it knows.

    It takes the config's test pipeline as it stands, so that crops are those of a test.

    Example::

        from epropnp_det.apis import ObjectPoseInferencer

        inferencer = ObjectPoseInferencer("config.py", "checkpoint.pth", models="data/lm/models")
        poses = inferencer("image.jpg", [[210, 150, 80, 90]], [5], cam2img="camera.json")
        poses.rotation, poses.translation, poses.covariance

    Args:
        model: config, or path of one.
        weights: path of a checkpoint.
        device: where to compute; a GPU when there is one.
        models: folder of the objects' ``models_info.json``, by which coordinates are scaled, and
            their surfaces, for pictures; that of the config's test data by default.
        posterior: draw samples of the posterior.
        show_progress: show a progress bar where several images are looked at.

    Raises:
        UserError: config, checkpoint, device or models are missing, or do not fit together.
    """

    def __init__(
        self,
        model: str | Path | Config,
        weights: str | Path,
        device: str | None = None,
        models: str | Path | None = None,
        posterior: bool = True,
        show_progress: bool = True,
    ) -> None:
        register_all_modules()  # for a script that imported the package before mmengine
        quieten(MMLogger.get_current_instance())
        check_device(device)
        self.cfg = deepcopy(model) if isinstance(model, Config) else load_config(str(model))
        check_object_pose(self.cfg)
        asked = {"return_posterior": posterior, "return_correspondences": True}
        self.cfg.merge_from_dict({f"model.test_cfg.{key}": value for key, value in asked.items()})
        self.weights, self.show_progress = str(weights), show_progress
        with DefaultScope.overwrite_default_scope("mmdet3d"):
            network, meta = load_network(self.cfg, self.weights)
            self.known = KnownObjects.of_network(self.cfg, meta, models)
            self.pipeline = Compose(self.cfg.test_dataloader.dataset.pipeline)
        self.model = network.to(device or get_device()).eval()

    def __call__(
        self,
        image: str | Path | np.ndarray,
        boxes: np.ndarray | Sequence[Sequence[float]],
        obj_ids: np.ndarray | Sequence[int],
        cam2img: np.ndarray | str | Path,
        *,
        batch_size: int = 8,
    ) -> ObjectPoses:
        """Poses of the objects in the boxes of an image.

        Args:
            image: a file, or a (H, W, 3) uint8 array, BGR as OpenCV has it.
            boxes: (N, 4) x, y, width and height in pixels, as BOP has them; they may hang over the
                border.
            obj_ids: (N,) number of the object in each.
            cam2img: (3, 3) camera matrix, or a .csv or .json file that holds it.
            batch_size: crops that go through the network together.

        Returns:
            The poses, in the order of the boxes.

        Raises:
            UserError: before the network runs, where the image is missing or unreadable, its camera
                matrix cannot be right, a box is empty or outside of it, or an object is unknown.
        """
        found = self.predict(self.boxed(image, boxes, obj_ids, cam2img), batch_size)
        return ObjectPoses.from_samples(found)

    def boxed(
        self,
        image: str | Path | np.ndarray,
        boxes: np.ndarray | Sequence[Sequence[float]],
        obj_ids: np.ndarray | Sequence[int],
        cam2img: np.ndarray | str | Path,
    ) -> ImageObjects:
        """The objects in the boxes of an image, checked; arguments and errors as of a call."""
        return boxed_objects(self.known, image, boxes, obj_ids, cam2img)

    def of_dataset(
        self,
        root: str | Path,
        split: str = "test",
        scene: int | None = None,
        images: Sequence[int] | None = None,
        boxes: str = "bbox_obj",
    ) -> list[ImageObjects]:
        """The objects in images of a data set in BOP's format, with their true poses if known.

        Args:
            root: folder of the data set.
            split: folder of scenes in it.
            scene: number of the scene, all where None.
            images: numbers of the images of the scene, all where None.
            boxes: ``bbox_obj``, ``bbox_visib`` or a file of detections, as
                :class:`~epropnp_det.datasets.bop.BOPDataset` takes them.

        Raises:
            UserError: something is missing, cut short or not of BOP's form, or images are named
                and no scene.
        """
        pipeline = self.cfg.test_dataloader.dataset.pipeline
        with DefaultScope.overwrite_default_scope("mmdet3d"):
            return dataset_objects(self.known, pipeline, root, split, scene, images, boxes)

    @torch.no_grad()
    def predict(self, objects: ImageObjects, batch_size: int = 8) -> list[ObjectPoseSample]:
        """What the network tells of objects: poses, maps and posteriors, on the CPU.

        Raises:
            UserError: the batch size is below 1.
        """
        if batch_size < 1:
            raise UserError(f"the batch size is {batch_size}: give at least 1.")
        crops = list(objects.crops(self.pipeline))
        found: list[ObjectPoseSample] = []
        for start in range(0, len(crops), batch_size):
            found += self.model.test_step(pseudo_collate(crops[start : start + batch_size]))
        return [sample.cpu() for sample in found]

    def save(
        self,
        images: Sequence[ImageObjects],
        out_dir: str | Path,
        *,
        batch_size: int = 8,
        pictures: bool = True,
        overwrite: bool = False,
    ) -> list[dict]:
        """Find the poses of the objects in some images, and write files of them.

        Args:
            images: of :meth:`boxed` or :meth:`of_dataset`.
            out_dir: folder that gets ``predictions.json``, written whole when all is done, and
                ``pictures``, one an image.
            batch_size: crops that go through the network together.
            pictures: draw pictures.
            overwrite: replace a ``predictions.json`` of other images.

        Returns:
            Of each image its entry of :data:`~epropnp_det.apis.OBJECT_POSES_SCHEMA`.

        Raises:
            UserError: ``out_dir`` cannot be written to or holds predictions of other images.
        """
        target = Path(out_dir, PREDICTIONS_FILE)
        check_output_folder(out_dir, "another out_dir")
        if not overwrite:
            check_same_images(target, [objects.image for objects in images])
        models = self._models if pictures else {}
        names = picture_names(objects.image.path for objects in images)
        entries = []
        for objects in tqdm(images, unit="image", disable=not self.show_progress):
            found = self.predict(objects, batch_size)
            if pictures:
                name = f"{len(entries):06d}_{Path(names[objects.image.path]).stem}.png"
                picture = Path(out_dir, "pictures", name)
                save_pose_picture(picture, objects.image.pixels, found, self.known.names, models)
            entries.append(object_entry(objects.image, found, self.known.names))
        content = {
            "version": 1,
            "config": str(self.cfg.filename),
            "checkpoint": self.weights,
            "images": entries,
        }
        write_predictions(target, content)
        return entries

    @cached_property
    def _models(self) -> dict[int, EvaluatedModel]:
        return drawable_models(self.known.folder, self.known.names)
