"""mmengine's runner, steered by the config that is given now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import master_only
from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper
from mmengine.registry import RUNNERS
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, Runner
from torch import nn
from torch.utils.data import DataLoader

from ..errors import UserError
from ..whole_file import whole_file
from .build_errors import settings_of
from .checkpoint import check_checkpoint
from .config_text import TextKept
from .console import quieten
from .data_loader import (
    check_shared_memory,
    check_something_to_learn,
    images_wanted,
    mend_loader,
)
from .schedule import (
    Hyperparameters,
    Schedulers,
    end_of_schedule,
    learning_rate,
    replay,
    waits_for_scores,
)
from .work_folder import from_weights, latest_checkpoint


@RUNNERS.register_module()
class EProPnPRunner(Runner):
    """The stock runner, with what a training of days needs.

    - A resumed training follows the schedule and the optimizer's settings of the config as it is
      now; of the checkpoint it takes weights, moments and how far it got. The stock runner goes on
      with the old schedule, whatever the config says.
    - Of a work folder that was moved, too, the latest checkpoint is found.
    - An epoch that was interrupted between its checkpoint and its validation is validated.
    - Checkpoints are there whole or not at all.
    - `--auto-scale-lr` counts the images of an update, accumulated ones included.
    - A training set without any object, and workers for which the shared memory does not suffice,
      are noticed before the first step.
    - The console shows what happens; configuration and environment go into the log file.

    `runner_type = "EProPnPRunner"` in a config has mmdet3d's own scripts use it.
    """

    def __init__(self, *args, cfg: Config | dict | None = None, **kwargs) -> None:
        cfg = TextKept.of(cfg) if isinstance(cfg, Config) else cfg
        super().__init__(*args, cfg=cfg, **kwargs)

    def build_logger(self, *args, **kwargs) -> MMLogger:
        """As the stock method; the console leaves out what only the log file needs."""
        logger = super().build_logger(*args, **kwargs)
        quieten(logger)
        logger.info(f"Configuration and environment are in {self._log_dir}/{self.timestamp}.log.")
        return logger

    def dump_config(self) -> None:
        """Nothing: `train` writes it, so that a test leaves the config of a training alone."""

    def train(self) -> nn.Module:
        """As the stock method; the work folder gets the config first."""
        super().dump_config()
        return super().train()

    def register_default_hooks(self, hooks: dict | None = None) -> None:
        """The stock hooks, of which ours take the places, and two more.

        Those are :class:`MissedValidationHook` and :class:`TrainingViewHook`.
        """
        ours = {"missed_validation": "MissedValidationHook", "training_view": "TrainingViewHook"}
        hooks = {**{name: {"type": kind} for name, kind in ours.items()}, **(hooks or {})}
        checkpoint = hooks.get("checkpoint", {})
        if isinstance(checkpoint, dict) and checkpoint.get("type") in (None, "CheckpointHook"):
            hooks["checkpoint"] = {"interval": 1, **checkpoint, "type": "DetectionCheckpointHook"}
        super().register_default_hooks(hooks)

    @staticmethod
    def build_dataloader(
        dataloader: DataLoader | dict, seed: int | None = None, diff_rank_seed: bool = False
    ) -> DataLoader:
        """As the stock method, for any number of workers.

        Raises:
            UserError: a data set has no image, or the shared memory is too small for what the
                workers hold.
        """
        if isinstance(dataloader, dict):
            dataloader = mend_loader(dataloader)
        with images_wanted():
            loader = Runner.build_dataloader(dataloader, seed, diff_rank_seed)
        check_shared_memory(loader)
        return loader

    def build_train_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """As the stock method.

        Raises:
            UserError: the training set holds no object, or no step or validation is asked for.
        """
        with settings_of("train_cfg or train_dataloader"):
            loop = super().build_train_loop(loop)
        if loop.val_interval < 1:
            raise UserError(f"train_cfg.val_interval is {loop.val_interval}: give at least 1.")
        if loop.max_iters < 1:
            raise UserError(
                "the config asks for no training step: give train_cfg.max_epochs, or "
                "max_iters, of at least 1."
            )
        check_something_to_learn(loop.dataloader.dataset)
        return loop

    def build_val_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """As the stock method."""
        with settings_of("val_cfg, val_dataloader or val_evaluator"):
            return super().build_val_loop(loop)

    def build_optim_wrapper(self, optim_wrapper: OptimWrapper | dict) -> OptimWrapper:
        """As the stock method."""
        with settings_of("optim_wrapper"):
            return super().build_optim_wrapper(optim_wrapper)

    def build_param_scheduler(self, scheduler: dict | list) -> Schedulers:
        """As the stock method."""
        with settings_of("param_scheduler"):
            return super().build_param_scheduler(scheduler)

    def scale_lr(self, optim_wrapper: OptimWrapper, auto_scale_lr: dict | None = None) -> None:
        """As the stock method, for the number of images of an update.

        With ``accumulative_counts`` an update has so many times the images of a step.
        """
        if not (auto_scale_lr or {}).get("enable"):
            return
        counts = getattr(optim_wrapper, "_accumulative_counts", 1)
        base = auto_scale_lr["base_batch_size"]
        if counts > 1:
            self.logger.info(
                f"An update is made of {counts} steps of {self.world_size} x "
                f"{self._train_dataloader['batch_size']} images. begin and end of the "
                "schedule count steps, not updates."
            )
        super().scale_lr(optim_wrapper, {**auto_scale_lr, "base_batch_size": base / counts})

    def load_or_resume(self) -> None:
        """As the stock method, from wherever the work folder is now; only a training resumes.

        Raises:
            UserError: the checkpoint is remote. mmengine would unpickle whatever comes from there.
        """
        training = isinstance(self._train_loop, BaseLoop)
        self._resume = self._resume and training
        if self._resume and self._load_from is None:
            found = latest_checkpoint(self.work_dir)
            self._load_from = found and str(found)
            self._resume = found is not None
        if "://" in str(self._load_from):
            check_checkpoint(self._load_from)
        super().load_or_resume()
        if training:
            self._say_schedule()

    def resume(
        self,
        filename: str,
        resume_optimizer: bool = True,
        resume_param_scheduler: bool = True,
        map_location: str | Callable = "default",
    ) -> None:
        """Go on from a checkpoint, by the schedule of this config.

        Args:
            filename: the checkpoint.
            resume_optimizer: take the optimizer's moments, too.
            resume_param_scheduler: put the schedule where it is after so many epochs or iterations;
                False leaves it at its beginning.
            map_location: as in the stock method.

        Raises:
            UserError: the checkpoint has more epochs or iterations than the config asks for, or
                moments that do not fit its optimizer.
        """
        now = Hyperparameters.of(self.optim_wrapper)
        try:
            super().resume(filename, resume_optimizer, False, map_location)
            before = learning_rate(self.optim_wrapper)
            now.put_back(self.optim_wrapper)
        except (KeyError, ValueError) as error:
            raise UserError(
                f"the optimizer of {filename} is of another kind than that of this config, or has "
                f"other parameter groups: {from_weights(filename)}."
            ) from error
        loop = self.train_loop
        by_epoch = isinstance(loop, EpochBasedTrainLoop)
        if by_epoch and loop.iter and not loop.epoch:
            raise UserError(
                f"{filename} is of a training that counts iterations, and this config's counts "
                f"epochs: {from_weights(filename)}."
            )
        if by_epoch:
            # Of another number of iterations where the batch size has changed.
            loop._iter = loop.epoch * len(loop.dataloader)
        self._check_length(filename, by_epoch)
        if resume_param_scheduler:
            steps = (loop.epoch, len(loop.dataloader)) if by_epoch else (0, loop.iter)
            replay(self.param_schedulers, *steps)
        self._say_rate(before, filename)

    def _say_rate(self, before: float, filename: str) -> None:
        after = learning_rate(self.optim_wrapper)
        said = f"The learning rate is {after:.3g} now, by the schedule of this config"
        if abs(after - before) > 1e-3 * before:
            said += f"; it was {before:.3g} in {filename}"
        self.logger.info(f"{said}.")
        if waits_for_scores(self.param_schedulers):
            self.logger.warning(
                "A schedule that waits for scores to stop improving starts anew, since it does not "
                f"know those of the past: lower its rate of {after:.3g} in optim_wrapper to go on "
                f"lower, or start from the weights alone with load_from={filename}."
            )

    def _check_length(self, filename: str, by_epoch: bool) -> None:
        done, wanted, unit = (
            (self.epoch, self.max_epochs, "epochs")
            if by_epoch
            else (self.iter, self.max_iters, "iters")
        )
        if done > wanted:
            raise UserError(
                f"{filename} has {done} {unit} and the config asks for {wanted}: set "
                f"train_cfg.max_{unit} to more than {done} to go on."
            )
        if done == wanted:
            self.logger.info(
                f"Nothing is left to train: all {done} {unit} are done. To go on, set "
                f"train_cfg.max_{unit} to more."
            )

    def _say_schedule(self) -> None:
        """A schedule that ends before the training does is seldom meant."""
        end = end_of_schedule(self.param_schedulers, len(self.train_dataloader))
        if end is not None and end < self.max_iters:
            epochs = end / len(self.train_dataloader)
            self.logger.warning(
                f"The schedule ends after {end} of {self.max_iters} iterations (epoch "
                f"{epochs:.4g}), and the learning rate stays as it is then: set end, and "
                "milestones where there are any, in param_scheduler for a longer training."
            )

    @master_only
    def save_checkpoint(self, out_dir: str, filename: str, *args, **kwargs) -> None:
        """As the stock method; in a local folder the file is there whole or not at all."""
        if "://" in str(out_dir):
            super().save_checkpoint(out_dir, filename, *args, **kwargs)
            return
        with whole_file(Path(out_dir, filename)) as draft:
            super().save_checkpoint(out_dir, draft.name, *args, **kwargs)
