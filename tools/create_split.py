"""Name a part of a nuScenes dataroot as a split of its own, to be evaluated by.

    python tools/create_split.py --root data/nuscenes --version v1.0-trainval --name rain \\
        --scenes scene-0003 scene-0012

Then train and test with `--cfg-options val_evaluator.eval_set=rain test_evaluator.eval_set=rain`
and an info file that lists its frames.
"""

import argparse

from epropnp_det.command_line import (
    ToolParser,
    add_table_version,
    answering,
    check_file,
    check_folder,
    check_output_file,
)


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument("--root", required=True, help="the nuScenes folder")
    add_table_version(parser, required=True)
    parser.add_argument("--name", required=True, help="of the split")
    scenes = parser.add_mutually_exclusive_group(required=True)
    scenes.add_argument("--scenes", nargs="+", metavar="SCENE", help="names of its scenes")
    scenes.add_argument("--info-file", help="take the scenes of an info file of the dataroot")
    parser.add_argument("--overwrite", action="store_true", help="replace a split of the name")
    return parser.parse_args()


def create(args: argparse.Namespace) -> str:
    check_folder(args.root, "nuScenes folder")
    check_folder(f"{args.root}/{args.version}", "folder of tables")
    check_output_file(f"{args.root}/{args.version}/splits.json", "--root")
    if args.info_file is not None:
        check_file(args.info_file, "info file")
    from epropnp_det.datasets.own_splits import add_split, scenes_of

    scenes = args.scenes or scenes_of(args.info_file, args.root, args.version)
    path = add_split(args.root, args.version, args.name, scenes, args.overwrite)
    return f"{args.name}: {len(set(scenes))} scenes -> {path}"


def main() -> None:
    args = parse_args()
    with answering("nothing was written; run the same command again"):
        print(create(args))


if __name__ == "__main__":
    main()
