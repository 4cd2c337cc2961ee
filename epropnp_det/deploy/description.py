"""What an exported file says of itself, in its metadata."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import ClassVar

from ..errors import UserError

KEY = "epropnp_det"
"""Of the metadata."""

FORMAT = 1
"""Of the files that this release writes, and the only one that it reads."""


@dataclass(frozen=True)
class DetectorDescription:
    """Of a detector, whose inputs are ``image`` (H, W, 3) uint8, BGR, and ``cam2img`` (3, 3), and
    whose outputs are those of ``epropnp_det.export.ExportedObjects``.

    Attributes:
        image_size: (width, height) of the images, as they are stored, pixels.
        max_objects: how many the outputs tell, the meaningless ones included.
        classes: names by label.
        attributes: names by column of the attribute scores, whose last is for none.
        class_attributes: by label, which columns fit the class; none for a class without.
        default_attributes: by label, the name of a network that predicts none; or None.
        nms_2d_thr: IoU of projected boxes of a class above which the lower score is dropped.
        nms_bev_thr: the same for rotated boxes seen from above.
        z_min: depth to which corners behind the camera are moved for projection, metres.
        top_rows: rows that the network does not see, at the top of the image.
        mean: of the pixels, which the graph subtracts; in the order of the network's channels.
        std: by which it then divides.
        channels: of the network, RGB or BGR; the image is BGR in any case.
        config: name of the file that describes the network.
        checkpoint: name of the file of its weights.
        checkpoint_sha256: in hexadecimal digits.
        versions: of the packages that wrote the file.
    """

    kind: ClassVar[str] = "detector"
    image_size: tuple[int, int]
    max_objects: int
    classes: tuple[str, ...]
    attributes: tuple[str, ...]
    class_attributes: tuple[tuple[int, ...], ...]
    default_attributes: tuple[str | None, ...]
    nms_2d_thr: float
    nms_bev_thr: float
    z_min: float
    top_rows: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    channels: str
    config: str
    checkpoint: str
    checkpoint_sha256: str
    versions: dict[str, str]


@dataclass(frozen=True)
class LayerDescription:
    """Of the PnP layer, whose inputs are ``x3d`` (B, N, 3), ``x2d`` (B, N, 2), ``w2d`` (B, N, 2)
    and ``cam_mats`` (B, 3, 3), and whose outputs are ``pose``, ``covariance`` and ``valid``.

    Attributes:
        dof: degrees of freedom of the pose, 4 or 6.
        num_points: N.
        versions: of the packages that wrote the file.
    """

    kind: ClassVar[str] = "layer"
    dof: int
    num_points: int
    versions: dict[str, str]


Description = DetectorDescription | LayerDescription


def to_metadata(description: Description) -> dict[str, str]:
    """The metadata of a file."""
    content = {"format": FORMAT, "kind": description.kind, **asdict(description)}
    return {KEY: json.dumps(content)}


def from_metadata(metadata: dict[str, str], path: str, wanted: type) -> Description:
    """What the metadata of a file tells.

    Args:
        metadata: of the file.
        path: the file, for messages.
        wanted: which description it should be.

    Raises:
        UserError: the file is of something else, or of another version.
    """
    try:
        content = json.loads(metadata.get(KEY, ""))
        version, kind = content.pop("format"), content.pop("kind")
    except (AttributeError, KeyError, ValueError) as error:
        raise UserError(f"{path} was not written by tools/export.py: export it anew.") from error
    if version != FORMAT:
        raise UserError(
            f"{path} is a file of format {version}, and this release reads format {FORMAT}: export "
            "it anew, or install the release that wrote it."
        )
    if kind != wanted.kind:
        raise UserError(f"{path} holds a {kind}, not a {wanted.kind}: name another file.")
    names = {field.name for field in fields(wanted)}
    if names != content.keys():
        raise UserError(f"{path} does not tell what a {kind} has to: export it anew.")
    return wanted(**{name: _frozen(value) for name, value in content.items()})


def _frozen(value: object) -> object:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
