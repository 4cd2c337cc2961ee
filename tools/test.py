"""Test a trained model."""

import argparse

from epropnp_det.command_line import (
    ToolParser,
    add_runner_arguments,
    answering,
    between,
    check_file,
    check_output_folder,
    score,
)
from epropnp_det.errors import UserError


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    add_runner_arguments(parser)
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument("--show", action="store_true", help="show predictions in a window")
    parser.add_argument("--show-dir", help="folder for painted images")
    parser.add_argument("--score-thr", type=score, help="lowest score that is painted (0.1)")
    parser.add_argument(
        "--wait-time", type=between(0, 3600), help="seconds between shown images (2)"
    )
    parser.add_argument("--tta", action="store_true", help="test-time augmentation")
    return parser.parse_args()


def paint(cfg: dict, args: argparse.Namespace) -> None:
    hook = cfg.get("default_hooks", {}).get("visualization")
    if hook is None:
        raise UserError(
            "--show and --show-dir need "
            "default_hooks.visualization=dict(type='NetworkInputVisualizationHook') and "
            "visualizer.type='EProPnPVisualizer' in the config."
        )
    score_thr = 0.1 if args.score_thr is None else args.score_thr
    hook.update(draw=True, score_thr=score_thr, vis_task="mono_det")
    if args.show:
        check_window()
        hook.update(show=True, wait_time=2 if args.wait_time is None else args.wait_time)
    if args.show_dir:
        hook.update(test_out_dir=args.show_dir)


def check_window() -> None:
    from matplotlib import pyplot
    from matplotlib.backends import BackendFilter, backend_registry

    if pyplot.get_backend() not in backend_registry.list_builtin(BackendFilter.INTERACTIVE):
        raise UserError(
            f"--show needs a window, and matplotlib's backend here is {pyplot.get_backend()}: "
            "paint into a folder with --show-dir in its place."
        )


def check(args: argparse.Namespace) -> None:
    check_file(args.config, "config")
    check_file(args.checkpoint, "checkpoint")
    if args.wait_time is not None and not args.show:
        raise UserError("--wait-time is for images in a window: say --show too, or leave it out.")
    if args.score_thr is not None and not (args.show or args.show_dir):
        raise UserError("--score-thr is for painted images: say --show-dir too, or leave it out.")
    if args.show_dir is not None:
        check_output_folder(args.show_dir, "--show-dir")


def test(args: argparse.Namespace) -> None:
    check(args)
    from epropnp_det.engine.cli import run_config
    from epropnp_det.engine.launch import process_group
    from epropnp_det.engine.testing import run_test, use_tta

    cfg = run_config(args)
    if args.show or args.show_dir:
        paint(cfg, args)
    if args.tta:
        use_tta(cfg)
    with process_group(cfg):
        run_test(cfg, args.checkpoint)


def main() -> None:
    args = parse_args()
    with answering("nothing was evaluated; run the same command again"):
        test(args)


if __name__ == "__main__":
    main()
