"""Training by a config: what `tools/train.py` does."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config
from torch import cuda

from ..command_line import check_file
from ..errors import UserError
from .checkpoint import check_checkpoint, check_fit, describe_start
from .cli import build_runner
from .config_checks import check_config
from .launch import process_group
from .pretrained import check_pretrained, forget_pretrained, prepare_pretrained
from .work_folder import from_weights, latest_checkpoint


def use_amp(cfg: Config) -> None:
    """Have a config trained with mixed precision.

    Args:
        cfg: changed in place.

    Raises:
        UserError: there is no GPU, or the config has an optimizer wrapper of its own.
    """
    if not cuda.is_available():
        raise UserError("--amp needs a GPU, and PyTorch finds none: leave --amp out.")
    wrapper = cfg.optim_wrapper.get("type", "OptimWrapper")
    if wrapper not in ("OptimWrapper", "AmpOptimWrapper"):
        raise UserError(f"--amp replaces an OptimWrapper, but the config has a {wrapper}.")
    cfg.optim_wrapper.type = "AmpOptimWrapper"
    cfg.optim_wrapper.setdefault("loss_scale", "dynamic")


def scale_lr(cfg: Config) -> None:
    """Have the learning rate scaled by the images of an update.

    Args:
        cfg: changed in place.

    Raises:
        UserError: the config does not say for how many images its learning rate is.
    """
    base = (cfg.get("auto_scale_lr") or {}).get("base_batch_size")
    if not isinstance(base, int) or base < 1:
        raise UserError(
            "--auto-scale-lr needs auto_scale_lr.base_batch_size in the config, the number of "
            f"images that its learning rate is for, not {base}."
        )
    cfg.auto_scale_lr.enable = True


def run_training(cfg: Config, resume: str | None = None) -> None:
    """Train.

    Args:
        cfg: the config, with ``launcher`` and ``work_dir``.
        resume: a checkpoint to go on from, or 'auto' for the latest in the work folder, from the
            beginning where there is none.

    Raises:
        UserError: data, checkpoint or pretrained weights are missing or broken, or something does
            not fit.
    """
    for part in ("model", "train_cfg", "train_dataloader", "optim_wrapper"):
        if cfg.get(part) is None:
            raise UserError(f"the config has no {part}, and so describes no training: give one.")
    check_config(cfg, ["train_dataloader", "val_dataloader"])
    if cfg.get("resume") and resume is None:
        resume = cfg.get("load_from") or "auto"
    path = latest_checkpoint(cfg.work_dir) if resume == "auto" else resume
    # The config that the run leaves in its work folder says how to train, not from where this
    # training went on.
    cfg.resume = False
    resumed = _training_state(path) if path else None
    start = None
    if resumed is None:
        if cfg.get("load_from"):
            start = check_checkpoint(cfg.load_from)
        prepare_pretrained(cfg)
    with process_group(cfg):
        runner = build_runner(cfg)
        if resumed is not None:
            check_fit(runner.model, resumed, path)
            # The checkpoint's weights take their place.
            forget_pretrained(runner.model)
            runner._resume, runner._load_from = True, str(path)
        else:
            check_pretrained(runner.model)
        if start is not None and (said := describe_start(runner.model, start, cfg.load_from)):
            runner.logger.warning(said)
        if resume == "auto" and resumed is None:
            runner.logger.info(f"{cfg.work_dir} has no checkpoint: training starts afresh.")
        runner.train()


def _training_state(path: str | Path) -> dict:
    """Contents of a checkpoint that a training can go on from."""
    check_file(path, "checkpoint")
    checkpoint = check_checkpoint(path)
    if not {"meta", "optimizer", "message_hub"} <= checkpoint.keys():
        raise UserError(
            f"{path} holds weights without the state of a training: {from_weights(path)}."
        )
    return checkpoint
