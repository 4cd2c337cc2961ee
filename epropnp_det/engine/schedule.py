"""The schedule of a config at any point of a training."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from mmengine.optim import OptimWrapper, OptimWrapperDict, _ParamScheduler

Schedulers = list[_ParamScheduler] | dict[str, list[_ParamScheduler]] | None
Wrapper = OptimWrapper | OptimWrapperDict


@dataclass(frozen=True)
class Hyperparameters:
    """The settings of an optimizer: learning rates, decays and so on, a dict a parameter group."""

    groups: tuple[dict, ...]

    @classmethod
    def of(cls, wrapper: Wrapper) -> Hyperparameters:
        """Those of an optimizer as it is now."""
        return cls(tuple(_settings(group) for group in _groups(wrapper)))

    def put_back(self, wrapper: Wrapper) -> None:
        """Set them again, after the state of a checkpoint has replaced them.

        Raises:
            ValueError: the checkpoint was of another kind of optimizer.
        """
        for group, kept in zip(_groups(wrapper), self.groups, strict=True):
            if _settings(group).keys() - _SCHEDULED != kept.keys() - _SCHEDULED:
                raise ValueError("the groups of the optimizer have other settings")
            group.update(kept)


# Written into the groups by schedulers, of which the configs may have different ones.
_SCHEDULED = {"initial_lr", "initial_momentum", "initial_betas", "initial_weight_decay"}


def replay(schedulers: Schedulers, epochs: int, iterations: int) -> None:
    """Step schedulers as far as a training has come.

    mmengine's schedulers know each value from the one before, not from the number of the step, so
    that nothing but stepping them gives what a training in one go has.

    Args:
        schedulers: just built.
        epochs: how many are done; 0 for a training that counts iterations alone.
        iterations: those of an epoch, or of such a training.
    """
    found = [s for s in _each(schedulers) if not _waits_for_scores(s)]
    by_iter = [s for s in found if not s.by_epoch]
    by_epoch = [s for s in found if s.by_epoch]
    with warnings.catch_warnings():
        # Of schedulers that are stepped before the optimizer is.
        warnings.filterwarnings(
            "ignore", message=".*`(optimizer|scheduler).step", module="mmengine"
        )
        for _ in range(max(epochs, 1)):
            for _ in range(iterations):
                for scheduler in by_iter:
                    scheduler.step()
            for scheduler in by_epoch if epochs else ():
                scheduler.step()


def waits_for_scores(schedulers: Schedulers) -> bool:
    """Whether a scheduler lowers its value when scores stop improving.

    It does not know those of the past, and so starts anew in a resumed training.
    """
    return any(map(_waits_for_scores, _each(schedulers)))


def end_of_schedule(schedulers: Schedulers, epoch_length: int) -> int | None:
    """Iteration after which no scheduler changes anything; None if there is no scheduler.

    Args:
        schedulers: built.
        epoch_length: iterations of an epoch.
    """
    ends = [s.end * epoch_length if s.by_epoch else s.end for s in _each(schedulers)]
    return max(ends, default=None)


def learning_rate(wrapper: Wrapper) -> float:
    """The highest learning rate of all parameter groups."""
    return max(group["lr"] for group in _groups(wrapper))


def _groups(wrapper: Wrapper) -> list[dict]:
    return (
        wrapper.param_groups
        if isinstance(wrapper, OptimWrapper)
        else [group for each in wrapper.values() for group in each.param_groups]
    )


def _settings(group: dict) -> dict:
    return {key: value for key, value in group.items() if key != "params"}


def _each(schedulers: Schedulers) -> Iterator[_ParamScheduler]:
    if isinstance(schedulers, dict):
        for each in schedulers.values():
            yield from each
    else:
        yield from schedulers or ()


def _waits_for_scores(scheduler: _ParamScheduler) -> bool:
    return getattr(scheduler, "need_val_args", False)
