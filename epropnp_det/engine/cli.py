"""What the command lines share: arguments, work folder, and errors in one sentence."""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from ..errors import exit_on_user_error, exit_with, last_line
from .build_errors import explain_build_error
from .config import load_config


@contextmanager
def user_errors() -> Iterator[None]:
    """Print errors that the user can mend as `error: <one sentence>` and exit with status 2.

    These are `UserError`, missing files, and configs that name an unregistered type or an argument
    that a constructor does not take. Anything else is a defect and keeps its traceback.
    """
    try:
        with exit_on_user_error():
            yield
    except FileNotFoundError as error:
        if error.filename is None:
            exit_with(last_line(error))
        exit_with(
            f"{error.filename} does not exist: correct the path or data_root that leads to it."
        )
    except (KeyError, TypeError) as error:
        sentence = explain_build_error(error)
        if sentence is None:
            raise
        exit_with(sentence)


def runner_parser(description: str) -> argparse.ArgumentParser:
    """Arguments that `tools/train.py` and `tools/test.py` have in common, in mmdet3d's style."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("config", help="config file")
    parser.add_argument("--work-dir", help="folder for logs, checkpoints and results")
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=DictAction,
        help="overrides of the config as key=value, for example train_cfg.max_epochs=1",
    )
    parser.add_argument(
        "--launcher",
        choices=["none", "pytorch", "slurm", "mpi"],
        default="none",
        help="how the processes of a distributed run were started",
    )
    parser.add_argument("--local_rank", "--local-rank", type=int, default=0)
    return parser


def run_config(args: argparse.Namespace) -> Config:
    """Config of a run: file, overrides, launcher and work folder.

    Args:
        args: as `runner_parser` reads them.

    Raises:
        UserError: as `load_config` does.
    """
    os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    cfg = load_config(args.config, args.cfg_options)
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get("work_dir") is None:
        cfg.work_dir = str(Path("work_dirs", Path(args.config).stem))
    return cfg


def build_runner(cfg: Config) -> Runner:
    """The config's runner: mmengine's own, or the registered one that `runner_type` names."""
    return RUNNERS.build(cfg) if "runner_type" in cfg else Runner.from_cfg(cfg)
