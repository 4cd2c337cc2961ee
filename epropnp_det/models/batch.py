"""A batch of data samples as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmdet3d.structures import Det3DDataSample
from torch import Tensor

from epropnp_det.pnp import PerspectiveCamera
from epropnp_det.pnp.camera import image_bounds

BORDER = 200.0
"""How far outside the stored image a projection may lie, in its pixels (arXiv 2203.13254)."""

UNKNOWN_ATTRIBUTE = -100
"""What cross entropy passes over by default."""


class Views(NamedTuple):
    """Cameras of B images.

    Attributes:
        cam_mats: (B, 3, 3) camera matrices of the network input, in pixels.
        img_size: (B, 2) image sizes (width, height) before padding, in pixels.
        bounds: (B, 4) rectangles (left, top, right, bottom) beyond which no projection lies, in
            pixels of the network input.
    """

    cam_mats: Tensor
    img_size: Tensor
    bounds: Tensor

    @classmethod
    def from_samples(cls, samples: Sequence[Det3DDataSample], device: torch.device) -> Views:
        """Read cameras and sizes in each sample's meta information.

        Of an image that was cropped, resized or mirrored, ``ori_cam2img`` and ``ori_shape`` tell
        the bounds of the stored one. Where they are missing, the image is taken for the stored one.

        Raises:
            KeyError: a sample has no ``cam2img``.
        """
        for sample in samples:
            if "cam2img" not in sample.metainfo:
                raise KeyError(
                    f'image {sample.metainfo.get("img_path")} has no camera matrix: add "cam2img" '
                    "to the meta_keys of Pack3DDetInputs and use a camera dataset"
                )
        cam_mats = [torch.as_tensor(s.cam2img, dtype=torch.float32)[:3, :3] for s in samples]
        sizes = [(s.img_shape[1], s.img_shape[0]) for s in samples]
        return cls(
            torch.stack(cam_mats).to(device),
            torch.tensor(sizes, dtype=torch.float32, device=device),
            torch.stack([_bounds(sample) for sample in samples]).float().to(device),
        )

    def cameras(self, img_ind: Tensor) -> PerspectiveCamera:
        """The cameras of objects in the images ``img_ind`` (M,)."""
        return PerspectiveCamera(self.cam_mats[img_ind], self.bounds[img_ind], z_min=0.1)


def _bounds(sample: Det3DDataSample) -> Tensor:
    """(4,) the stored image of a sample, enlarged by the border, in network pixels."""
    meta = sample.metainfo
    if not {"ori_cam2img", "ori_shape"} <= meta.keys():
        return image_bounds(torch.tensor(meta["img_shape"][:2], dtype=torch.float64), BORDER)
    stored, now = (torch.as_tensor(meta[key]).double() for key in ("ori_cam2img", "cam2img"))
    bounds = image_bounds(torch.tensor(meta["ori_shape"][:2], dtype=torch.float64), BORDER)
    # The camera went with the pixels, whose map is u -> scale * u + offset. A mirrored image has
    # an ordinary camera, in a mirrored world.
    scale = torch.stack([now[i, i] / stored[i, i] for i in (0, 1)])
    if meta.get("flip"):
        scale[0] *= -1
    corners = scale * (bounds.view(2, 2) - stored[:2, 2]) + now[:2, 2]
    return torch.cat([corners.amin(0), corners.amax(0)])


class ObjectTruth(NamedTuple):
    """Ground truth of G objects.

    Attributes:
        pose: (G, 4) gravity centre (x, y, z) in metres and yaw in radians, camera frame.
        dims: (G, 3) sizes (l, h, w), in metres.
        label: (G,) classes.
        velocity: (G, 2) (vx, vz) in the camera frame, in m/s; NaN where unknown.
        attribute: (G,) attribute indices; ``UNKNOWN_ATTRIBUTE`` in data without attributes.
    """

    pose: Tensor
    dims: Tensor
    label: Tensor
    velocity: Tensor
    attribute: Tensor

    @classmethod
    def from_samples(cls, samples: Sequence[Det3DDataSample]) -> ObjectTruth:
        """Concatenate the ground truth of all images."""
        truths = [s.gt_instances_3d for s in samples]
        boxes = [t.bboxes_3d for t in truths]
        labels = torch.cat([t.labels_3d for t in truths])
        velocity = torch.cat([b.tensor[:, 7:9] for b in boxes])
        if velocity.shape[1] == 0:
            velocity = velocity.new_full((len(velocity), 2), torch.nan)
        if all("attr_labels" in t for t in truths):
            attribute = torch.cat([t.attr_labels for t in truths])
        else:
            attribute = torch.full_like(labels, UNKNOWN_ATTRIBUTE)
        return cls(
            torch.cat([torch.cat([b.gravity_center, b.yaw[:, None]], 1) for b in boxes]),
            torch.cat([b.dims for b in boxes]),
            labels,
            velocity,
            attribute,
        )

    @property
    def boxes(self) -> Tensor:
        """(G, 7) gravity centre, size (l, h, w) and yaw."""
        return torch.cat([self.pose[:, :3], self.dims, self.pose[:, 3:]], dim=1)

    def take(self, index: Tensor) -> ObjectTruth:
        """The objects at ``index`` (S,)."""
        return ObjectTruth(*(field[index] for field in self))


class ImagePoints(NamedTuple):
    """K LiDAR points that the images of a batch show.

    Attributes:
        xyz: (K, 3) in the camera frame of their image, in metres.
        pixel: (K, 2) where they are seen (u, v), in network-input pixels.
        img_ind: (K,) image of each point, ascending.
    """

    xyz: Tensor
    pixel: Tensor
    img_ind: Tensor

    @classmethod
    def from_images(cls, points: Sequence[Tensor], views: Views) -> ImagePoints:
        """Project the points (M_b, 3) of each image, all in front of its camera, in metres."""
        counts = torch.tensor([len(xyz) for xyz in points], device=views.cam_mats.device)
        img_ind = torch.arange(len(points), device=counts.device).repeat_interleave(counts)
        xyz = torch.cat(list(points)).to(views.cam_mats)
        # No matrix product: autocast would round pixels to half precision.
        rays = (views.cam_mats[img_ind] * xyz[:, None]).sum(-1)
        return cls(xyz, rays[:, :2] / rays[:, 2:], img_ind)


class AuxiliaryTruth(NamedTuple):
    """What the auxiliary losses of S samples learn from.

    Attributes:
        objects: the G ground-truth objects of the batch.
        bboxes: (G, 4) their 2D boxes (x1, y1, x2, y2), in network-input pixels.
        img_ind: (G,) their images.
        gt_ind: (S,) object of each sample.
        points: LiDAR points, or None where none were loaded.
    """

    objects: ObjectTruth
    bboxes: Tensor
    img_ind: Tensor
    gt_ind: Tensor
    points: ImagePoints | None
