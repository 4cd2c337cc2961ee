"""Validating what an interruption kept from being validated."""

from __future__ import annotations

from pathlib import Path

from mmdet3d.registry import HOOKS
from mmengine.dist import is_main_process, master_only
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, Runner

_RECORD = "last_validation"


@HOOKS.register_module()
class MissedValidationHook(Hook):
    """Validates a resumed training at once where its last validation is missing.

    A training that is interrupted between a checkpoint and the validation after it goes on from
    that checkpoint, and would never validate it. The work folder's file ``last_validation`` holds
    the epoch or iteration of the last one.
    """

    priority = "LOWEST"  # after the hook that saves the best

    def before_train(self, runner: Runner) -> None:
        """Validate, where the config asks for it at this point and the record lacks it."""
        loop = runner.train_loop
        done, wanted = _progress(runner)
        if not done and is_main_process():
            # Of an earlier training in this folder.
            Path(runner.work_dir, _RECORD).unlink(missing_ok=True)
        due = done >= loop.val_begin and (done % loop.val_interval == 0 or done == wanted)
        if runner.val_loop is None or not done or not due or self._validated(runner) >= done:
            return
        runner.logger.info(f"The validation after {done} is missing and comes first.")
        runner.val_loop.run()

    @master_only
    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Keep a record."""
        if isinstance(runner._train_loop, BaseLoop):  # and not a validation alone
            done, _ = _progress(runner)
            Path(runner.work_dir, _RECORD).write_text(str(done), encoding="utf-8")

    @staticmethod
    def _validated(runner: Runner) -> int:
        record = Path(runner.work_dir, _RECORD)
        text = record.read_text(encoding="utf-8", errors="replace") if record.is_file() else ""
        return int(text) if text.isdecimal() else 0


def _progress(runner: Runner) -> tuple[int, int]:
    """Epochs, or iterations, that are done and that are wanted."""
    if isinstance(runner.train_loop, EpochBasedTrainLoop):
        return runner.epoch, runner.max_epochs
    return runner.iter, runner.max_iters
