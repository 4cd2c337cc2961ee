"""What of the annotations of a dataroot is left out, and what is wrong with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from nuscenes.eval.detection.utils import (
    category_to_detection_name,
    detection_name_to_rel_attributes,
)
from nuscenes.nuscenes import NuScenes
from nuscenes.utils.color_map import get_colormap

from ..errors import UserError
from .levelling import tilt
from .nuscenes_names import ATTRIBUTES, LIDAR
from .rigid_transforms import rigid_transforms

# Of a camera, degrees; those of nuScenes are within two.
_NOTICEABLE = 5.0


@dataclass(frozen=True)
class AnnotationReport:
    """What is to be said of the annotations of some samples.

    Attributes:
        kept: number of annotations of the detected classes.
        left_out: number of annotations by category that is no detected class.
        unfit: number of annotations whose attribute does not fit their class.
        unfit_example: one of these, in words.
        lacking: number of samples by sensor that they lack and others have.
        tilts: by camera that is tilted by more than some degrees and is not turned level, how far.
    """

    kept: int
    left_out: Mapping[str, int]
    unfit: int = 0
    unfit_example: str = ""
    lacking: Mapping[str, int] = field(default_factory=dict)
    tilts: Mapping[str, float] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """A sentence for each thing that a user should know."""
        found = []
        if self.left_out:
            counts = ", ".join(f"{name} {self.left_out[name]}" for name in sorted(self.left_out))
            own = set(self.left_out) - get_colormap().keys()
            hint = f"; --categories {min(own)}=CLASS takes some for a class" if own else ""
            found.append(f"annotations that are of no detected class, left out: {counts}{hint}")
        if self.unfit:
            found.append(
                f"{self.unfit} annotations have an attribute that does not fit their class, such "
                f"as {self.unfit_example}: no prediction will match it"
            )
        found += [f"{count} frames have no {name}" for name, count in sorted(self.lacking.items())]
        if self.tilts:
            tilts = ", ".join(f"{name} by {self.tilts[name]:.0f}" for name in sorted(self.tilts))
            found.append(
                f"tilted cameras, with which all boxes lean (degrees): {tilts}; --level turns "
                "their images level"
            )
        return found


def check_annotations(
    nusc: NuScenes, tokens: Collection[str], level: bool = False
) -> AnnotationReport:
    """Look at the annotations and sensors of some samples.

    Args:
        nusc: tables, in which categories of one's own are mapped already.
        tokens: the samples.
        level: images of tilted cameras are turned level.

    Raises:
        UserError: naming the first annotation whose attributes the devkit does not accept.
    """
    wanted = set(tokens)
    names = {row["token"]: row["name"] for row in nusc.attribute}
    left_out, kept, unfit = Counter(), 0, []
    for row in nusc.sample_annotation:
        if row["sample_token"] not in wanted:
            continue
        label = category_to_detection_name(row["category_name"])
        if label is None:
            left_out[row["category_name"]] += 1
            continue
        kept += 1
        own = [names.get(token, token) for token in row["attribute_tokens"]]
        if fault := attribute_fault(row["token"], own):
            raise UserError(f"{nusc.version}/sample_annotation.json: {fault}")
        if own and own[0] not in detection_name_to_rel_attributes(label):
            unfit.append(f"{own[0]} of the {label} {row['token']}")
    example = unfit[0] if unfit else ""
    sensors = [_sensors(nusc, token) for token in tokens]
    rig = {name for found in sensors for name in found}
    lacking = Counter(name for found in sensors for name in rig - found.keys())
    tilts = {} if level else _tilts(nusc, sensors)
    return AnnotationReport(kept, left_out, len(unfit), example, lacking, tilts)


def _sensors(nusc: NuScenes, token: str) -> dict[str, dict]:
    """Rows of ``sample_data`` of the cameras and the LiDAR of a sample, by channel."""
    records = {
        channel: nusc.get("sample_data", record)
        for channel, record in nusc.get("sample", token)["data"].items()
    }
    return {
        channel: record
        for channel, record in records.items()
        if channel == LIDAR or record["sensor_modality"] == "camera"
    }


def _tilts(nusc: NuScenes, sensors: Sequence[Mapping[str, dict]]) -> dict[str, float]:
    """The largest tilt of each camera that is noticeably tilted."""
    calibrations = {
        (channel, record["calibrated_sensor_token"])
        for found in sensors
        for channel, record in found.items()
        if channel != LIDAR
    }
    tilts = {}
    for channel, token in calibrations:
        rotation = nusc.get("calibrated_sensor", token)["rotation"]
        (pose,) = rigid_transforms(np.zeros((1, 3)), np.array([rotation]))
        tilts[channel] = max(tilts.get(channel, 0.0), tilt(pose))
    return {channel: degrees for channel, degrees in tilts.items() if degrees > _NOTICEABLE}


def attribute_fault(token: str, attributes: Sequence[str]) -> str | None:
    """What the devkit will not accept of the attributes of an annotation of a detected class.

    Args:
        token: of the annotation.
        attributes: names of its attributes.

    Returns:
        A sentence that names the annotation and the mend; None if there is no fault.
    """
    if len(attributes) > 1:
        return (
            f"annotation {token} has the attributes {', '.join(attributes)}, and nuScenes allows "
            "one: leave out the others."
        )
    unknown = set(attributes) - set(ATTRIBUTES)
    if unknown:
        return (
            f"annotation {token} has the attribute {unknown.pop()}, which nuScenes' detection does "
            f"not know: leave it out, or name one of {', '.join(ATTRIBUTES)}."
        )
    return None
