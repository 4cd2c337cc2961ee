"""From a command line to a runner."""

import argparse
import os
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from ..command_line import check_output_folder
from .build_errors import settings_of
from .config import load_config
from .runner import EProPnPRunner


def run_config(args: argparse.Namespace) -> Config:
    """Config of a run: file, overrides, launcher and work folder.

    Args:
        args: as `add_runner_arguments` has them read.

    Raises:
        UserError: as `load_config` does, or if the work folder cannot be written to.
    """
    os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    cfg = load_config(args.config, args.cfg_options)
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get("work_dir") is None:
        cfg.work_dir = str(Path("work_dirs", Path(args.config).stem))
    check_output_folder(cfg.work_dir, "--work-dir")
    return cfg


def build_runner(cfg: Config) -> Runner:
    """The config's runner: ours, or the registered one that `runner_type` names.

    Raises:
        UserError: mmengine refuses the settings.
    """
    with settings_of("some part"):
        return RUNNERS.build(cfg) if "runner_type" in cfg else EProPnPRunner.from_cfg(cfg)
