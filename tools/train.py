"""Train a model."""

import argparse
import shlex
import sys

from epropnp_det.command_line import ToolParser, add_runner_arguments, answering, check_file
from epropnp_det.errors import UserError


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    add_runner_arguments(parser)
    parser.add_argument("--amp", action="store_true", help="train with mixed precision on a GPU")
    parser.add_argument(
        "--auto-scale-lr", action="store_true", help="scale the learning rate by the batch size"
    )
    parser.add_argument(
        "--resume",
        nargs="?",
        const="auto",
        help="continue from this checkpoint, or from the last one in the work folder",
    )
    return parser.parse_args()


def go_on(args: argparse.Namespace) -> str:
    """The same command, continued from the latest checkpoint."""
    words = [w for w in sys.argv if w != args.resume and not w.startswith("--resume")]
    return f"go on from the last checkpoint with `python {shlex.join([*words, '--resume'])}`"


def train(args: argparse.Namespace) -> None:
    check_file(args.config, "config")
    if args.resume not in (None, "auto"):
        # With --resume alone both are right: only a training without checkpoint starts there.
        if any(word.startswith("load_from=") for word in args.cfg_options or ()):
            raise UserError(
                f"--resume {args.resume} goes on with a training and load_from starts one from "
                "weights: leave out one of them."
            )
        check_file(args.resume, "checkpoint")
    from epropnp_det.engine.cli import run_config
    from epropnp_det.engine.training import run_training, scale_lr, use_amp

    cfg = run_config(args)
    if args.amp:
        use_amp(cfg)
    if args.auto_scale_lr:
        scale_lr(cfg)
    run_training(cfg, args.resume)


def main() -> None:
    args = parse_args()
    with answering(go_on(args)):
        train(args)


if __name__ == "__main__":
    main()
