"""What of the sensors of a dataroot's samples a user should know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from nuscenes.nuscenes import NuScenes

from .levelling import NOTICEABLE_TILT, tilt
from .nuscenes_info import sensors_of
from .rig import NUSCENES, Rig
from .rigid_transforms import rigid_transforms


@dataclass(frozen=True)
class RigReport:
    """What is to be said of the sensors of some samples.

    Attributes:
        lacking: number of samples by sensor that they lack and others have.
        tilts: by camera that is noticeably tilted and is not turned level, how far, degrees.
    """

    lacking: Mapping[str, int]
    tilts: Mapping[str, float]

    def lines(self) -> list[str]:
        """A sentence for each thing that a user should know."""
        found = [f"{count} frames have no {name}" for name, count in sorted(self.lacking.items())]
        if self.tilts:
            tilts = ", ".join(f"{name} by {self.tilts[name]:.0f}" for name in sorted(self.tilts))
            found.append(
                f"tilted cameras, with which all boxes lean (degrees): {tilts}; --level turns "
                "their images level"
            )
        return found


def check_rig(
    nusc: NuScenes, tokens: Collection[str], level: bool, rig: Rig = NUSCENES
) -> RigReport:
    """Look at the sensors of some samples.

    Args:
        nusc: tables.
        tokens: the samples.
        level: images of tilted cameras are turned level.
        rig: of the dataset.
    """
    samples = [nusc.get("sample", token) for token in tokens]
    sensors = [sensors_of(nusc, sample, rig) for sample in samples]
    seen = {channel for found in sensors for channel in found}
    lacking = Counter(channel for found in sensors for channel in seen.difference(found))
    return RigReport(lacking, {} if level else _tilts(nusc, samples, sensors, rig.lidar))


def _tilts(
    nusc: NuScenes, samples: Sequence[dict], sensors: Sequence[Sequence[str]], lidar: str | None
) -> dict[str, float]:
    """The largest tilt of each camera that is noticeably tilted."""
    calibrations = {
        (channel, nusc.get("sample_data", sample["data"][channel])["calibrated_sensor_token"])
        for sample, found in zip(samples, sensors, strict=True)
        for channel in found
        if channel != lidar
    }
    tilts = {}
    for channel, token in calibrations:
        rotation = nusc.get("calibrated_sensor", token)["rotation"]
        (pose,) = rigid_transforms(np.zeros((1, 3)), np.array([rotation]))
        tilts[channel] = max(tilts.get(channel, 0.0), tilt(pose))
    return {channel: degrees for channel, degrees in tilts.items() if degrees > NOTICEABLE_TILT}
