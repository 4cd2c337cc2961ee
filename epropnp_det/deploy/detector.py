"""An exported detector, from images to the entries of ``predictions.json``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..camera_matrix import check_camera_matrix
from ..errors import UserError
from .description import DetectorDescription
from .exported_file import ExportedFile
from .images import read_image
from .suppression import keep_distinct


class DeployedDetector(ExportedFile):
    """A detector in a file.

    Example::

        from epropnp_det.deploy import DeployedDetector

        detector = DeployedDetector("model.onnx")
        boxes = detector("image.jpg", cam2img)["boxes"]

    Its file is one of tools/export.py; arguments as of :class:`~.exported_file.ExportedFile`.
    """

    kind = DetectorDescription
    description: DetectorDescription

    def __call__(
        self, image: str | Path | np.ndarray, cam2img: np.ndarray, score_thr: float = 0.1
    ) -> dict:
        """Detect objects in an image.

        Args:
            image: a file, or (H, W, 3) uint8, BGR as OpenCV has it.
            cam2img: (3, 3) its camera matrix, pixels.
            score_thr: boxes of lower score are left out.

        Returns:
            An entry of ``images`` of ``predictions.json``, as :data:`.PREDICTIONS_SCHEMA` has it.

        Raises:
            UserError: the image cannot be read or is of another size than the file is for, or the
                matrix cannot be its camera's.
        """
        name = "the image in memory" if isinstance(image, np.ndarray) else str(image)
        pixels = image if isinstance(image, np.ndarray) else read_image(image)
        cam2img = np.asarray(cam2img, dtype=np.float64)
        check_camera_matrix(cam2img, pixels.shape[1::-1], name)
        found = self.detect(pixels, cam2img, name)
        kept = (self._sound(found) & (found["score"] >= score_thr)).nonzero()[0].tolist()
        return {
            "path": name,
            "cam2img": cam2img.tolist(),
            "boxes": [self._box({key: each[i] for key, each in found.items()}) for i in kept],
        }

    def detect(
        self, pixels: np.ndarray, cam2img: np.ndarray, name: str = "the image"
    ) -> dict[str, np.ndarray]:
        """What the graph finds, without duplicates, best first.

        Args:
            pixels: (H, W, 3) uint8, BGR.
            cam2img: (3, 3) camera matrix, pixels.
            name: of the image, for messages.

        Returns:
            The outputs by name, see ``epropnp_det.export.ExportedObjects``, without ``valid``.

        Raises:
            UserError: the image is of another size than the file is for, or of another kind.
        """
        self._check(pixels, name)
        found = self._run({"image": pixels, "cam2img": cam2img.astype(np.float32)})
        valid = found.pop("valid").astype(bool)
        found = {key: each[valid] for key, each in found.items()}
        about = self.description
        width, height = about.image_size
        keep = keep_distinct(
            np.concatenate([found["pose"][:, :3], found["size"], found["pose"][:, 3:]], axis=1),
            found["score"],
            found["label"],
            cam2img - [[0, 0, 0], [0, 0, about.top_rows], [0, 0, 0]],
            (width, height - about.top_rows),
            about.nms_2d_thr,
            about.nms_bev_thr,
            about.z_min,
        )
        return {key: each[keep] for key, each in found.items()}

    def _check(self, pixels: np.ndarray, name: str) -> None:
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            raise UserError(
                f"{name} is of shape {pixels.shape} and type {pixels.dtype}: give (height, width, "
                "3) numbers of type uint8, in the order blue, green, red."
            )
        size, wanted = pixels.shape[1::-1], self.description.image_size
        if size != wanted:
            raise UserError(
                f"{name} is of {size[0]} x {size[1]} pixels, and the file is for images of "
                f"{wanted[0]} x {wanted[1]}: export one with --image-size {size[0]}x{size[1]}."
            )

    @staticmethod
    def _sound(found: dict[str, np.ndarray]) -> np.ndarray:
        """(M,) bool: which boxes are finite and have a size."""
        finite = np.isfinite(found["pose"]).all(axis=1) & np.isfinite(found["size"]).all(axis=1)
        return finite & (found["size"] > 0).all(axis=1)

    def _box(self, found: dict[str, np.ndarray]) -> dict:
        label = int(found["label"])
        return {
            "name": self.description.classes[label],
            "score": float(found["score"]),
            "center": found["pose"][:3].tolist(),
            "size": found["size"].tolist(),
            "yaw": float(found["pose"][3]),
            "velocity": _told(found["velocity"]),
            "attribute": self._attribute(label, found["attribute_scores"]),
            "pose_covariance": _told(found["covariance"]),
        }

    def _attribute(self, label: int, scores: np.ndarray) -> str | None:
        """The best of those that fit the class."""
        about = self.description
        fitting = list(about.class_attributes[label])
        if not len(scores) or not fitting:
            return about.default_attributes[label]
        return about.attributes[fitting[int(scores[fitting].argmax())]]


def _told(values: np.ndarray) -> list | None:
    return values.tolist() if values.size and np.isfinite(values).all() else None
