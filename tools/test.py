"""Test a trained model."""

import argparse

from matplotlib import pyplot
from matplotlib.backends import BackendFilter, backend_registry
from mmengine.config import Config, ConfigDict

from epropnp_det.engine.checkpoint import check_checkpoint, check_fit
from epropnp_det.engine.cli import build_runner, run_config, runner_parser, user_errors
from epropnp_det.engine.config import check_data
from epropnp_det.engine.launch import process_group
from epropnp_det.errors import UserError


def parse_args() -> argparse.Namespace:
    parser = runner_parser(__doc__)
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument("--show", action="store_true", help="show predictions in a window")
    parser.add_argument("--show-dir", help="folder for painted images")
    parser.add_argument("--score-thr", type=float, default=0.1, help="lowest score that is painted")
    parser.add_argument("--wait-time", type=float, default=2, help="seconds between shown images")
    parser.add_argument("--tta", action="store_true", help="test-time augmentation")
    return parser.parse_args()


def paint(cfg: Config, args: argparse.Namespace) -> None:
    hook = cfg.get("default_hooks", {}).get("visualization")
    if hook is None:
        raise UserError(
            "--show and --show-dir need "
            "default_hooks.visualization=dict(type='NetworkInputVisualizationHook') and "
            "visualizer.type='Det3DLocalVisualizer' in the config."
        )
    hook.update(draw=True, score_thr=args.score_thr, vis_task="mono_det")
    if args.show:
        windows = backend_registry.list_builtin(BackendFilter.INTERACTIVE)
        if pyplot.get_backend() not in windows:
            raise UserError(
                f"--show needs a window, and matplotlib's backend here is {pyplot.get_backend()}: "
                "paint into a folder with --show-dir in its place."
            )
        hook.update(show=True, wait_time=args.wait_time)
    if args.show_dir:
        hook.update(test_out_dir=args.show_dir)


def augment(cfg: Config) -> None:
    if "tta_model" not in cfg or "tta_pipeline" not in cfg:
        raise UserError(
            "--tta needs tta_model and tta_pipeline in the config; see "
            "configs/_base_/datasets/nus_mono3d.py."
        )
    cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
    cfg.model = ConfigDict(**cfg.tta_model, module=cfg.model)


def main() -> None:
    args = parse_args()
    with user_errors():
        cfg = run_config(args)
        cfg.load_from = args.checkpoint
        if args.show or args.show_dir:
            paint(cfg, args)
        if args.tta:
            augment(cfg)
        check_data(cfg, ["test_dataloader"])
        checkpoint = check_checkpoint(args.checkpoint)
        with process_group(cfg):
            runner = build_runner(cfg)
            check_fit(runner.model, checkpoint, args.checkpoint)
            runner.test()


if __name__ == "__main__":
    main()
