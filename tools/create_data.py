"""Prepare a dataset: write the info files that training and testing read."""

import argparse
import os
from pathlib import Path

from epropnp_det.command_line import (
    ToolParser,
    add_table_version,
    answering,
    check_file,
    check_folder,
    check_output_folder,
    positive,
)


def file_name(text: str) -> str:
    if Path(text).name != text:
        raise argparse.ArgumentTypeError(f"{text!r} is no file name: name a folder with --out-dir")
    return text


def category(text: str) -> tuple[str, str]:
    name, equals, label = text.partition("=")
    if not (name and equals and label):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form forklift=car")
    return name, label


def add_output(parser: argparse.ArgumentParser, prefix: str) -> None:
    parser.add_argument("--out-dir", help="where the info files go; the root when absent")
    parser.add_argument(
        "--info-prefix", type=file_name, default=prefix, help="first part of the file names"
    )


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    datasets = parser.add_subparsers(dest="dataset", required=True)
    nuscenes = datasets.add_parser(
        "nuscenes", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    nuscenes.add_argument("--root", required=True, help="the nuScenes folder")
    add_table_version(nuscenes, required=True, help="such as v1.0-mini")
    nuscenes.add_argument(
        "--rig",
        metavar="CONFIG",
        help="config that describes the sensors and classes of a relative of nuScenes",
    )
    nuscenes.add_argument("--workers", type=positive, default=os.cpu_count(), help="processes")
    nuscenes.add_argument("--max-sweeps", type=positive, default=10, help="LiDAR sweeps a keyframe")
    nuscenes.add_argument(
        "--categories",
        nargs="+",
        type=category,
        metavar="NAME=CLASS",
        help="categories of your own, by their whole name or the last part, and the class of "
        "nuScenes that each is to be taken for",
    )
    nuscenes.add_argument(
        "--level",
        action="store_true",
        help="describe level cameras in the place of tilted ones; images are turned when read",
    )
    add_output(nuscenes, "nuscenes")
    kitti = datasets.add_parser("kitti", formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    kitti.add_argument("--root", required=True, help="the KITTI folder, with lists in ImageSets")
    add_output(kitti, "kitti")
    return parser.parse_args()


def create(args: argparse.Namespace) -> list[str]:
    """Write the files and return a line on each."""
    check_folder(args.root, "dataset folder")
    check_output_folder(args.out_dir or args.root, "--out-dir")
    if args.dataset == "kitti":
        from epropnp_det.datasets.kitti_prepare import create_kitti_infos

        written = create_kitti_infos(args.root, args.out_dir, args.info_prefix)
        return [f"{count} images -> {path}" for path, count in written.items()]
    if args.rig is not None:
        check_file(args.rig, "config")
    from epropnp_det.datasets.nuscenes_prepare import create_nuscenes_infos
    from epropnp_det.datasets.rig import NUSCENES, Rig

    summaries = create_nuscenes_infos(
        args.root,
        args.version,
        args.out_dir,
        args.workers,
        args.max_sweeps,
        args.info_prefix,
        dict(args.categories or ()),
        args.level,
        NUSCENES if args.rig is None else Rig.of_config(args.rig),
    )
    return [str(summary) for summary in summaries]


def main() -> None:
    args = parse_args()
    with answering("info files that are there are whole; run the same command again"):
        print(*create(args), sep="\n")


if __name__ == "__main__":
    main()
