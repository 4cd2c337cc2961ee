"""The target centre of an object: the centroid of its visible volume."""

from __future__ import annotations

import torch
from mmdet3d.registry import TASK_UTILS
from torch import Tensor


def ray_box_interval(
    rays: Tensor, centers: Tensor, dims: Tensor, yaws: Tensor
) -> tuple[Tensor, Tensor]:
    """Where camera rays enter and leave oriented boxes, in closed form (slab method).

    Args:
        rays: (G, R, 3) ray directions through the camera centre, scaled to z = 1.
        centers: (G, 3) gravity centres of the boxes in the camera frame, in metres.
        dims: (G, 3) box sizes (l, h, w) along the box axes x, y, z, in metres.
        yaws: (G,) rotations about the camera's Y axis, in radians.

    Returns:
        The depths (G, R) at which each ray enters and leaves; entry > exit where it misses.
    """
    cos, sin = yaws.cos()[:, None], yaws.sin()[:, None]

    def to_box_frame(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        return torch.stack([cos * x - sin * z, y, sin * x + cos * z], dim=-1)

    direction = to_box_frame(*rays.unbind(-1))
    origin = -to_box_frame(*centers[:, None].unbind(-1))
    # An exactly parallel ray would give 0 / 0 on a face; the nudge is far below a pixel.
    direction = torch.where(direction.abs() < 1e-9, 1e-9, direction)
    half = dims[:, None] / 2
    a, b = (-half - origin) / direction, (half - origin) / direction
    return torch.minimum(a, b).amax(-1), torch.maximum(a, b).amin(-1)


@TASK_UTILS.register_module()
class VolumeCenter:
    """Mean of the pixels that a 3D box covers inside the image, weighted by its thickness there.

    The thickness of a pixel is the far minus the near depth of the ray through its centre, the
    near depth clipped at ``z_min`` (EPro-PnP-Det, arXiv 2303.12787). Like the published targets,
    the mean is taken over the pixels of the image; along a side of more than ``max_rays`` pixels,
    over that many positions, spread evenly.

    Args:
        render_stride: distance of neighbouring rays, in pixels.
        max_rays: most rays along a side of a 2D box, which bounds the cost of large ones.
        z_min: nearest depth that counts, in metres.
    """

    def __init__(self, render_stride: float = 1.0, max_rays: int = 64, z_min: float = 0.01) -> None:
        self.render_stride = render_stride
        self.max_rays = max_rays
        self.z_min = z_min

    def __call__(self, boxes_3d: Tensor, boxes_2d: Tensor, cam_mat: Tensor) -> Tensor:
        """Target centres of the objects of one image.

        Args:
            boxes_3d: (G, 7) gravity centre (x, y, z), size (l, h, w), yaw; camera frame, metres.
            boxes_2d: (G, 4) 2D boxes (x1, y1, x2, y2) clipped to the image, in pixels.
            cam_mat: (3, 3) camera matrix.

        Returns:
            (G, 2) target centres (u, v) in pixels; the centre of the 2D box where no ray hits.
        """
        pixels, within = self._raster(boxes_2d)
        ones = torch.ones_like(pixels[..., :1])
        rays = torch.cat([pixels, ones], -1) @ torch.linalg.inv(cam_mat).T
        rays = rays / rays[..., 2:]

        near, far = ray_box_interval(rays, boxes_3d[:, :3], boxes_3d[:, 3:6], boxes_3d[:, 6])
        thickness = ((far - near.clamp(min=self.z_min)).clamp(min=0) * within)[..., None]
        total = thickness.sum(1)
        centroid = (thickness * pixels).sum(1) / total.clamp(min=1e-9)
        return torch.where(total > 0, centroid, (boxes_2d[:, :2] + boxes_2d[:, 2:]) / 2)

    def _raster(self, boxes_2d: Tensor) -> tuple[Tensor, Tensor]:
        """Pixels (G, R, 2) spread over the 2D boxes, and which of them (G, R) lie within."""
        first = (boxes_2d[:, None, :2] / self.render_stride).floor()
        extent = (boxes_2d[:, None, 2:] / self.render_stride).ceil() - first
        num = extent.clamp(1, self.max_rays)
        index = torch.arange(int(num.max()) if len(num) else 0, device=num.device)[:, None]
        position = (first + (index + 0.5) * extent / num) * self.render_stride
        within = index < num
        (u, v), (within_u, within_v) = position.unbind(-1), within.unbind(-1)
        pixels = torch.stack(torch.broadcast_tensors(u[:, :, None], v[:, None]), -1)
        return pixels.flatten(1, 2), (within_u[:, :, None] & within_v[:, None]).flatten(1)
