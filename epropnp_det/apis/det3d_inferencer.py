"""Monocular 3D detection on whatever a user has: images, folders, videos, nuScenes, KITTI."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
from mmdet3d.apis import MonoDet3DInferencer
from mmdet3d.registry import DATASETS, INFERENCERS
from mmdet3d.structures import Det3DDataSample
from mmengine.config import Config
from mmengine.logging import MMLogger, print_log
from torch import nn
from tqdm import tqdm

from .. import register_all_modules
from ..command_line import check_output_folder
from ..datasets.rig import Rig
from ..engine.config import load_config
from ..engine.config_checks import check_detector
from ..engine.console import quieten
from ..engine.picture_names import picture_names
from ..engine.training_view import VIEW_KEY, describe_strange_input
from ..errors import UserError
from ..predictions_file import PREDICTIONS_FILE, check_same_images, write_predictions
from .fitting import fitting_pipeline
from .inputs import CameraImage, VideoFrames, gather
from .network import check_device, load_network
from .pictures import save_picture
from .predictions import image_entry


@INFERENCERS.register_module()
class EProPnPDet3DInferencer(MonoDet3DInferencer):
    """A trained network, ready for images.

    It takes the config's test pipeline as it stands, so a network that sees a crop gets its crop;
    boxes, pictures and camera matrices are those of the images as they are stored. The stock
    inferencer beneath asks for an info file with a camera ``CAM2`` and a ``lidar2img``, draws on
    the uncropped image with the cropped camera, and repeats the predictions of earlier batches.

    Example::

        from epropnp_det.apis import EProPnPDet3DInferencer

        inferencer = EProPnPDet3DInferencer("config.py", "checkpoint.pth")
        boxes = inferencer("image.jpg", cam2img="camera.json")["predictions"][0]["boxes"]

    Args:
        model: config, or path of one.
        weights: path of a checkpoint.
        device: where to compute; a GPU when there is one.
        posterior: draw pose samples, for the boxes' ``pose_covariance``, where the network can.
        show_progress: show a progress bar.

    Raises:
        UserError: config, checkpoint or device is missing, or they do not fit together.
    """

    def __init__(
        self,
        model: str | Path | Config,
        weights: str | Path,
        device: str | None = None,
        posterior: bool = True,
        show_progress: bool = True,
    ) -> None:
        register_all_modules()  # for a script that imported the package before mmengine
        quieten(MMLogger.get_current_instance())
        check_device(device)
        cfg = deepcopy(model) if isinstance(model, Config) else load_config(str(model))
        check_detector(cfg)
        if posterior:
            cfg.merge_from_dict({"model.test_cfg.return_posterior": True})
        self.weights = str(weights)
        super().__init__(cfg, self.weights, device)
        self.show_progress = show_progress

    def __call__(
        self,
        inputs: str | Path | np.ndarray | Sequence[str | Path | np.ndarray] | dict,
        cam2img: np.ndarray | str | Path | None = None,
        *,
        data_root: str | Path | None = None,
        cameras: Sequence[str] | None = None,
        samples: Sequence[str] | None = None,
        batch_size: int = 1,
        score_thr: float = 0.1,
        out_dir: str | Path | None = None,
        pictures: bool = True,
        return_datasamples: bool = False,
        overwrite: bool = False,
        fit: bool = False,
        tilt: tuple[float, float] | None = None,
    ) -> dict[str, list]:
        """Detect objects.

        Args:
            inputs: an image, a list of images, a folder of images, a video, an info file (.pkl) of
                nuScenes or KITTI, or the stock inferencer's ``dict(img=..., infos=...)``. An image
                is a file or a (H, W, 3) uint8 array, BGR as OpenCV has it.
            cam2img: (3, 3) camera matrix of all images, a .csv or .json file that holds it, or an
                info file that lists them; None for an info file as input.
            data_root: folder of the dataset of an info file; the file's own folder when None.
            cameras, samples: only these cameras and sample tokens (KITTI: image numbers) of an info
                file.
            batch_size: images that go through the network together.
            score_thr: boxes of lower score are left out.
            out_dir: folder that gets ``predictions.json``, written whole when all is done, and
                ``pictures``; nothing is written when None.
            pictures: draw pictures.
            return_datasamples: return what the network gives in place of plain entries.
            overwrite: replace a ``predictions.json`` of other images.
            fit: scale images to the focal lengths that the network was trained on, and cut or add
                rows at their top for the horizon to be where it was; boxes and pictures are those
                of the images as they are stored.
            tilt: pitch (down) and roll (clockwise) of the camera, degrees: boxes and pictures are
                those of a level camera, to which the images are turned. Info files tell of their
                cameras themselves.

        Returns:
            ``predictions``: of each image its entry of
            :data:`~epropnp_det.apis.PREDICTIONS_SCHEMA`, or its data sample;
            ``visualization``: paths of the pictures.

        Raises:
            UserError: an input is missing or unreadable, a camera matrix cannot be right,
                ``out_dir`` cannot be written to or holds predictions of other images, or the
                checkpoint does not tell what to fit to.
        """
        if batch_size < 1:
            raise UserError(f"the batch size is {batch_size}: give at least 1.")
        if isinstance(inputs, dict):
            inputs, cam2img = inputs["img"], inputs.get("infos", cam2img)
        if fit and self.trained_view is None:
            raise UserError(
                f"the checkpoint {self.weights} does not tell its training's cameras: leave "
                "--fit (fit=True) out, and scale images and camera matrices beforehand."
            )
        images = gather(inputs, cam2img, data_root, cameras, samples, tilt)
        if out_dir is not None:
            check_output_folder(out_dir, "another out_dir")
            if not overwrite:
                check_same_images(Path(out_dir, PREDICTIONS_FILE), images)
        names = picture_names(
            [images.path] if isinstance(images, VideoFrames) else [image.path for image in images]
        )
        meta = self.model.dataset_meta
        rig = Rig.of_metainfo(meta)
        entries, data_samples, drawn = [], [], []
        with tqdm(total=len(images), unit="image", disable=not self.show_progress) as bar:
            for image, sample in self._detect(images, batch_size, fit):
                found = sample.pred_instances_3d
                entry = image_entry(image, found, meta["classes"], score_thr, rig)
                if out_dir is not None and pictures:
                    name = f"{len(entries):06d}_{Path(names[image.path]).stem}.png"
                    drawn.append(str(Path(out_dir, "pictures", name)))
                    save_picture(drawn[-1], image.pixels, entry, meta["classes"])
                entries.append(entry)
                if return_datasamples:
                    data_samples.append(sample)
                bar.update()
        if out_dir is not None:
            self._write(Path(out_dir, PREDICTIONS_FILE), entries, score_thr)
        predictions = data_samples if return_datasamples else entries
        return {"predictions": predictions, "visualization": drawn}

    def _detect(
        self, images: Sequence[CameraImage], batch_size: int, fit: bool
    ) -> Iterator[tuple[CameraImage, Det3DDataSample]]:
        pipeline, warned = self.pipeline, self.trained_view is None
        if fit:
            pipeline = fitting_pipeline(pipeline, self.trained_view["image"])
        for batch in self._get_chunk_data(images, batch_size):
            loaded = [{"img": image.to_load, "cam2img": image.cam2img} for image in batch]
            items = [pipeline(item) for item in loaded]
            warned = warned or self._warn(batch, items, fit)
            found = self.forward(self.collate_fn(items))
            yield from zip(batch, found, strict=True)

    def _warn(self, batch: Sequence[CameraImage], items: Sequence[dict], fit: bool) -> bool:
        """Warn of the first image that is unlike those of the training; whether there was one."""
        for image, item in zip(batch, items, strict=True):
            said = describe_strange_input(item["data_samples"], self.trained_view, fit)
            if said is not None:
                print_log(f"{image.path} {said}", "current", logging.WARNING)
                return True
        return False

    def _write(self, path: Path, entries: list[dict], score_thr: float) -> None:
        content = {
            "version": 1,
            "config": str(self.cfg.filename),
            "checkpoint": self.weights,
            "score_thr": score_thr,
            "images": entries,
        }
        write_predictions(path, content)

    def _init_model(self, cfg: Config, weights: str, device: str = "cpu") -> nn.Module:
        model, meta = load_network(cfg, weights)
        self.trained_view = meta.get(VIEW_KEY)
        described = meta.get("dataset_meta")
        if described is None:
            dataset = dict(cfg.test_dataloader.dataset, lazy_init=True, pipeline=[])
            described = DATASETS.build(dataset).metainfo
        model.dataset_meta = described
        model.cfg = cfg
        return model.to(device).eval()

    def _init_visualizer(self, cfg: Config) -> None:
        """None: :func:`~epropnp_det.apis.pictures.save_picture` draws on the stored image."""
