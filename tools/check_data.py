"""Tell before a training what it would see: frames, cameras, classes, and what is wrong.

    python tools/check_data.py data/nuscenes
    python tools/check_data.py data/yard/infos_train.pkl

Reads info files of nuScenes, KITTI and your own data, the headers of all images and every box,
prints a report on each file and draws one page, check_data.png.

"wrong" is what would end a training or have it learn something false, and the status is 2 then:
images that are missing, unreadable, of another size or of more than 8 bits; camera matrices of no
camera; frames or images that are there twice; fields that are missing; labels and attributes out of
range; boxes that are not finite, without size, behind the camera or outside of the image; 2D boxes
of which more than a quarter are not around their 3D boxes; nothing left to learn from.

A "note" may be meant so: tilted cameras; single 2D boxes that are elsewhere, or reach beyond the
image; a center_2d or depth that is not the box's; attributes that do not fit; odd sizes.
"""

import argparse
import os
import re
from pathlib import Path

from epropnp_det.command_line import (
    ToolParser,
    answering,
    check_file,
    check_folder,
    check_output_folder,
    positive,
)
from epropnp_det.errors import UserError

# Not those of mmdet3d's databases of objects, nuscenes_dbinfos_train.pkl.
_INFO_FILE = re.compile(r"(.+_)?infos_.+\.pkl")


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument(
        "data", metavar="ROOT|INFO", help="dataroot with info files, or one of them"
    )
    parser.add_argument("--root", help="folder of the data (default: that of the info files)")
    parser.add_argument(
        "--out",
        default="work_dirs/check_data",
        metavar="DIR",
        help="folder for the picture (default: %(default)s)",
    )
    parser.add_argument(
        "--workers", type=positive, default=os.cpu_count(), help="processes (default: %(default)s)"
    )
    return parser.parse_args()


def info_files(data: Path) -> list[Path]:
    """The info file, or those of a folder."""
    if not data.is_dir():
        check_file(data, "info file or dataroot")
        return [data]
    found = sorted(path for path in data.glob("*.pkl") if _INFO_FILE.fullmatch(path.name))
    if not found:
        raise UserError(
            f"{data} has no info file: make it with `python tools/create_data.py nuscenes --root "
            f"{data} --version v1.0-mini` or `... kitti --root {data}`, or name yours."
        )
    return found


def check(args: argparse.Namespace) -> str | None:
    """Print the report, draw the page, and return what is wrong."""
    data = Path(args.data)
    paths = info_files(data)
    root = args.root or (data if data.is_dir() else data.parent)
    check_folder(root, "data root")
    check_output_folder(args.out, "--out")
    from epropnp_det.datasets.check import check_info_file, error_sentence
    from epropnp_det.visualization.data_page import data_page
    from epropnp_det.visualization.style import save_figure

    reports = []
    for path in paths:
        reports.append(check_info_file(path, root, args.workers))
        print(*reports[-1].lines(), "", sep="\n", flush=True)
    picture = Path(args.out, "check_data.png")
    save_figure(data_page(reports), picture)
    print(f"{picture} shows it: look at it before you train.")
    return error_sentence(reports)


def main() -> None:
    args = parse_args()
    with answering("the picture is not drawn; run the same command again"):
        fault = check(args)
        if fault:
            raise UserError(fault)


if __name__ == "__main__":
    main()
