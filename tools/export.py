"""Write a trained detector into one ONNX file, for `python -m epropnp_det.deploy`.

The file takes an image of one size and its camera matrix, and tells objects with their poses, which
the graph solves for. It needs neither PyTorch nor OpenMMLab to run.
"""

from __future__ import annotations

import argparse

from epropnp_det.command_line import (
    ToolParser,
    add_cfg_options,
    answering,
    check_file,
    check_output_file,
    image_size,
    positive,
)


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument("config", help="config file")
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument("out", metavar="OUT", help="file to write (.onnx)")
    parser.add_argument(
        "--image-size",
        type=image_size,
        required=True,
        help="width and height of the images as they are stored, such as 1600x900",
    )
    parser.add_argument(
        "--max-objects", type=positive, help="most objects of an image (test_cfg.max_per_img)"
    )
    add_cfg_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with answering(f"{args.out} was not written; run the same command again"):
        check_file(args.config, "config")
        check_file(args.checkpoint, "checkpoint")
        check_output_file(args.out, "OUT")
        from epropnp_det.engine.config import load_config
        from epropnp_det.export import export_detector

        config = load_config(args.config, args.cfg_options)
        print("exporting, which takes some minutes", flush=True)
        export_detector(config, args.checkpoint, args.out, args.image_size, args.max_objects)
        print(f"{args.out}: for images of {args.image_size[0]} x {args.image_size[1]} pixels")


if __name__ == "__main__":
    main()
