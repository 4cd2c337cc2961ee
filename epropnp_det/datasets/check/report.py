"""What was found in an info file, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .findings import Finding
from .frames import tilt_of
from .image_files import ImageFile
from .listing import ListedImage, Listing

_LEVELS = (1, 2, 3, 4)  # of nuScenes' visibility


@dataclass(frozen=True)
class Report:
    """What was found in an info file.

    Attributes:
        info_file: the file.
        listing: its content.
        files: what the image files tell, by path.
        findings: what is wrong and what is worth a note, each the gravest first.
    """

    info_file: Path
    listing: Listing
    files: Mapping[str, ImageFile]
    findings: Sequence[Finding]

    @property
    def faults(self) -> list[Finding]:
        """With these a training would be wrong."""
        return [finding for finding in self.findings if finding.kind.wrong]

    @property
    def notes(self) -> list[Finding]:
        """Of these a user should know."""
        return [finding for finding in self.findings if not finding.kind.wrong]

    def lines(self) -> Iterator[str]:
        """The report, line by line."""
        listing = self.listing
        yield f"{self.info_file}: {listing.dataset}, {listing.frames} frames, " + (
            f"{len(listing.images)} images, {len(listing.objects)} boxes"
        )
        yield from _table(self._cameras())
        if len(listing.objects):
            yield from _table(self._classes())
        velocity = listing.objects.fields.get("velocity")
        if velocity is not None and (unknown := int(np.isnan(velocity).any(1).sum())):
            yield f"  velocity unknown, left out of its loss: {unknown} boxes"
        for title, findings in (("wrong", self.faults), ("note", self.notes)):
            yield from (f"  {title}: {finding}." for finding in findings)
        if not self.findings:
            yield "  nothing is wrong."

    def _cameras(self) -> Iterator[tuple[str, ...]]:
        yield "camera", "images", "size", "focal lengths", "tilt (degrees)"
        by_camera: dict[str, list[ListedImage]] = {}
        for image in self.listing.images:
            by_camera.setdefault(image.camera, []).append(image)
        for camera, images in by_camera.items():
            sizes = Counter(self.size(image) for image in images)
            shown = ", ".join("x".join(map(str, s)) if s else "?" for s, _ in sizes.most_common(3))
            matrices = [x.cam2img for x in images if x.cam2img.shape == (3, 3)]
            tilts = [degrees for x in images if (degrees := tilt_of(x)) is not None]
            level = ", turned level" if any(x.homography is not None for x in images) else ""
            yield (
                camera,
                str(len(images)),
                shown + (", ..." if len(sizes) > 3 else ""),
                _span([matrix[i, i] for matrix in matrices for i in (0, 1)]),
                _span(tilts) + level,
            )

    def _classes(self) -> Iterator[tuple[str, ...]]:
        objects = self.listing.objects
        columns = {"listed": np.ones(len(objects), bool)}
        if "bbox_3d_isvalid" in objects.fields:
            columns["with points"] = objects.kept
        if "num_lidar_pts" in objects.fields:
            columns["with LiDAR points"] = objects.fields["num_lidar_pts"][:, 0] > 0
        if "visibility" in objects.fields:
            level = objects.fields["visibility"][:, 0]
            columns |= {f"{'' if i > 1 else 'visibility '}{i}": level == i for i in _LEVELS}
            columns["?"] = ~np.isin(level, _LEVELS)
        yield "class", *columns
        labels = sorted({*self.listing.classes, *np.unique(objects.label).tolist()})
        for label in labels:
            of_class = objects.label == label
            name = "of no class" if label < 0 else self.listing.class_name(label)
            yield name, *(str((of_class & mask).sum()) for mask in columns.values())

    def size(self, image: ListedImage) -> tuple[int, int] | None:
        """(width, height) of an image: of its file, else as it is said; None if neither tells."""
        file = self.files.get(image.path, ImageFile())
        return file.size or image.size


def error_sentence(reports: Sequence[Report]) -> str | None:
    """The gravest fault of some reports and the number of the others; None if nothing is wrong."""
    faults = [(report.info_file, fault) for report in reports for fault in report.faults]
    if not faults:
        return None
    (path, gravest), others = faults[0], len(faults) - 1
    rest = f"; {others} more above" if others else ""
    return f"{path}: {gravest}{rest}."


def _span(values: Sequence[float]) -> str:
    if not values:
        return "?"
    low, high = f"{min(values):.1f}", f"{max(values):.1f}"
    return low if low == high else f"{low} to {high}"


def _table(rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    """Rows with their columns one below the other: words to the left, numbers to the right."""
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        first, *others = (
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  " + "  ".join([first, *others])
