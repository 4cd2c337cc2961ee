"""Write the PnP layer into one ONNX file: weighted correspondences in, poses out."""

from __future__ import annotations

import argparse

from epropnp_det.command_line import ToolParser, answering, at_least, check_output_file


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument("out", metavar="OUT", help="file to write (.onnx)")
    parser.add_argument("--dof", type=int, choices=(4, 6), required=True, help="of the poses")
    parser.add_argument(
        "--points", type=at_least(3), required=True, help="correspondences of an object"
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with answering(f"{args.out} was not written; run the same command again"):
        check_output_file(args.out, "OUT")
        from epropnp_det.export import export_layer

        print("exporting, which takes a minute", flush=True)
        export_layer(args.out, args.dof, args.points)
        print(f"{args.out}: {args.dof} degrees of freedom, {args.points} points an object")


if __name__ == "__main__":
    main()
