"""Train a model."""

import argparse

import torch
from mmengine.config import Config
from mmengine.runner import find_latest_checkpoint

from epropnp_det.engine.checkpoint import check_checkpoint, check_fit
from epropnp_det.engine.cli import build_runner, run_config, runner_parser, user_errors
from epropnp_det.engine.config import check_data
from epropnp_det.engine.launch import process_group
from epropnp_det.errors import UserError


def parse_args() -> argparse.Namespace:
    parser = runner_parser(__doc__)
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


def use_amp(cfg: Config) -> None:
    if not torch.cuda.is_available():
        raise UserError("--amp needs a GPU, and PyTorch finds none: leave --amp out.")
    wrapper = cfg.optim_wrapper.get("type", "OptimWrapper")
    if wrapper not in ("OptimWrapper", "AmpOptimWrapper"):
        raise UserError(f"--amp replaces an OptimWrapper, but the config has a {wrapper}.")
    cfg.optim_wrapper.type = "AmpOptimWrapper"
    cfg.optim_wrapper.setdefault("loss_scale", "dynamic")


def scale_lr(cfg: Config) -> None:
    if "base_batch_size" not in cfg.get("auto_scale_lr", {}):
        raise UserError("--auto-scale-lr needs auto_scale_lr.base_batch_size in the config.")
    cfg.auto_scale_lr.enable = True


def resume(cfg: Config, source: str) -> dict | None:
    """Point the config at the checkpoint to continue from; its contents if there is one yet."""
    cfg.resume = True
    cfg.load_from = find_latest_checkpoint(cfg.work_dir) if source == "auto" else source
    if cfg.load_from is None:
        return None
    checkpoint = check_checkpoint(cfg.load_from)
    if not {"meta", "optimizer", "message_hub"} <= checkpoint.keys():
        raise UserError(
            f"{cfg.load_from} holds weights without the state of a training: start from them with "
            f"`--cfg-options load_from={cfg.load_from}` in place of --resume."
        )
    return checkpoint


def main() -> None:
    args = parse_args()
    with user_errors():
        cfg = run_config(args)
        if args.amp:
            use_amp(cfg)
        if args.auto_scale_lr:
            scale_lr(cfg)
        check_data(cfg, ["train_dataloader", "val_dataloader"])
        resumed = resume(cfg, args.resume) if args.resume else None
        if resumed is None and cfg.get("load_from"):
            check_checkpoint(cfg.load_from)
        with process_group(cfg):
            runner = build_runner(cfg)
            if resumed is not None:
                check_fit(runner.model, resumed, cfg.load_from)
            runner.train()


if __name__ == "__main__":
    main()
