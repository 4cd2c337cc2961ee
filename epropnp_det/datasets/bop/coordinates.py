"""Coordinates of an object's surface behind pixels, by casting rays at its model."""

from __future__ import annotations

import numpy as np

from ...errors import UserError
from .models import ObjectModel


class SurfaceCaster:
    """Casts rays at models; what Embree builds of a model is kept for the next crop of it.

    That stays within its process: a copy that is sent to another builds its own.
    """

    def __init__(self) -> None:
        self._device: object | None = None
        self._scenes: dict[ObjectModel, object] = {}

    def __reduce__(self) -> tuple:
        return SurfaceCaster, ()

    def cast(
        self,
        model: ObjectModel,
        rotation: np.ndarray,
        translation: np.ndarray,
        cam2img: np.ndarray,
        pixels: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The point of a model that is seen in each pixel.

        Args:
            model: with its mesh.
            rotation: (3, 3) model to camera.
            translation: (3,) model to camera, metres.
            cam2img: (3, 3) intrinsics.
            pixels: (R, 2) x, y.

        Returns:
            The points (R, 3) in the model's frame, metres, zero where nothing is met, and whether
            the model is met (R,).
        """
        # In the model's frame, so that the scene serves every pose.
        origin = -rotation.T @ translation
        ahead = np.concatenate([pixels, np.ones((len(pixels), 1))], axis=1)
        rays = ahead @ np.linalg.inv(cam2img).T @ rotation
        rays /= np.linalg.norm(rays, axis=1, keepdims=True)
        starts = np.broadcast_to(origin, rays.shape).astype(np.float32)
        distance = np.full(len(rays), np.inf)
        if len(rays):
            met = self._scene(model).run(starts, rays.astype(np.float32), output=True)
            distance = np.where(met["geomID"] < 0, np.inf, met["tfar"].astype(float))
        hit = np.isfinite(distance)
        # Along the ray in double precision, so that the point projects to its pixel.
        return np.where(hit[:, None], origin + np.where(hit, distance, 0)[:, None] * rays, 0), hit

    def _scene(self, model: ObjectModel) -> object:
        if model not in self._scenes:
            # Imported when it is first used: nothing else of a data set needs it.
            try:
                from embreex.mesh_construction import TriangleMesh
                from embreex.rtcore import EmbreeDevice
                from embreex.rtcore_scene import EmbreeScene
            except ModuleNotFoundError as error:
                raise UserError(
                    "coordinate targets are rendered by embreex, which is not installed: run `pip "
                    "install 'epropnp_det[pose]'`, or take RenderObjectCoords out of the pipeline."
                ) from error
            self._device = self._device or EmbreeDevice()
            scene = EmbreeScene(self._device, robust=True)
            TriangleMesh(scene, model.mesh.vertices, model.mesh.faces)
            self._scenes[model] = scene
        return self._scenes[model]
