"""All checks of an info file, one after the other."""

from __future__ import annotations

from pathlib import Path

from ..info_file import read_info_file
from .boxes import box_findings
from .frames import camera_findings, frame_findings
from .image_files import image_findings, read_headers
from .listing import read_listing
from .report import Report


def check_info_file(info_file: str | Path, root: str | Path, workers: int = 1) -> Report:
    """Look at what a training would see of an info file.

    Args:
        info_file: of nuScenes, KITTI or data of one's own, ours or mmdet3d's.
        root: folder of the data.
        workers: number of processes that look at the images.

    Raises:
        UserError: the info file is missing, unreadable, empty or of another format, or the system
            killed a worker.
    """
    listing = read_listing(read_info_file(str(info_file)), info_file, root)
    images = listing.images
    files = read_headers([image.path for image in images], workers)
    # The boxes are of the size that the info file says.
    sizes = [x.size or (files[x.path].size if x.path else None) for x in images]
    findings = [
        *image_findings(images, files),
        *frame_findings(listing),
        *camera_findings(images, sizes),
        *box_findings(listing, sizes),
    ]
    return Report(Path(info_file), listing, files, findings)
