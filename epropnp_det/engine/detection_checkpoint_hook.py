"""Saving checkpoints, and the best by a score that is named as people name it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mmdet3d.registry import HOOKS
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, Runner
from mmengine.utils import is_seq_of

from ..command_line import check_output_folder
from ..errors import UserError
from ..evaluation.score_names import ScoreNames, short_name
from .checkpoint import check_checkpoint


@HOOKS.register_module()
class DetectionCheckpointHook(CheckpointHook):
    """The stock hook, whose ``save_best`` knows the scores of our metrics.

    ``NDS``, ``mAP``, any other last part of a logged key, a whole key, or ``auto`` for the metric's
    main score; the rule follows from the score. A file is named by the last part, as in
    ``best_NDS_epoch_8.pth``. With other metrics ``save_best`` is that of the stock hook.

    Args:
        save_best: score or scores by which the best checkpoint is kept; None keeps none.
        rule: 'greater' or 'less' for scores of other metrics.
        **kwargs: as the stock hook's.

    Raises:
        UserError: before the first step: there is no such score, it is better the other way round
            than ``rule`` says, or nothing is validated.
    """

    def __init__(
        self,
        *args,
        save_best: str | Sequence[str] | None = None,
        rule: str | Sequence[str] | None = None,
        **kwargs,
    ) -> None:
        super().__init__(*args, **kwargs)
        words = [save_best] if isinstance(save_best, str) else save_best or ()
        if not (is_seq_of(words, str) and len(set(words)) == len(words)):
            raise UserError(
                f"checkpoint.save_best is {save_best!r}: give the name of a score, a list of "
                "different ones, or None."
            )
        # Looked up when the metrics are there.
        self._wanted = list(words)
        self._rules = list(rule) if isinstance(rule, (list, tuple)) else [rule]
        for each in self._rules:
            if each not in (None, "greater", "less"):
                raise UserError(f"checkpoint.rule is {each!r}: give 'greater' or 'less'.")
        self._keys: dict[str, str] = {}

    def before_run(self, runner: Runner) -> None:
        """Try the folder, and look the scores up in those of the run's metrics."""
        if not isinstance(runner._train_loop, BaseLoop):
            return
        if self.out_dir is not None and "://" not in self.out_dir and is_main_process():
            check_output_folder(self.out_dir, "checkpoint.out_dir")
        if not self._wanted:
            return
        if runner.val_loop is None:
            raise UserError(
                "checkpoint.save_best needs a validation, and the config has none: set val_cfg, "
                "val_dataloader and val_evaluator, or save_best=None."
            )
        loop = runner.train_loop
        end = loop.max_epochs if isinstance(loop, EpochBasedTrainLoop) else loop.max_iters
        if loop.val_begin > end:
            raise UserError(
                f"checkpoint.save_best needs a validation, and the first would be after "
                f"{loop.val_begin} of {end}: lower train_cfg.val_begin, or set save_best=None."
            )
        scores = [_score_names(metric) for metric in runner.val_evaluator.metrics]
        if all(scores):
            self._keys, rules = self._look_up(scores)
        else:
            self._keys, rules = {word: word for word in self._wanted}, self._rules
        self.save_best = list(self._keys)
        self.is_better_than = {}
        try:
            self._init_rule(rules, self.save_best)
        except ValueError as error:
            raise UserError(
                f"nothing tells which way {' or '.join(self.save_best)} is better: give "
                "checkpoint.rule='greater' or 'less'."
            ) from error
        if len(self.save_best) == 1:
            self.best_ckpt_path = None
        else:
            self.best_ckpt_path_dict = {}

    def _look_up(self, scores: list[ScoreNames]) -> tuple[dict[str, str], list[str]]:
        """Keys by short name, and rules."""
        known = ScoreNames(
            scores[0].main,
            tuple(key for names in scores for key in names.higher),
            tuple(key for names in scores for key in names.lower),
        )
        keys = {short_name(key): key for key in map(known.find, self._wanted)}
        rules = [known.rule(key) for key in keys.values()]
        said = self._rules * len(rules) if len(self._rules) == 1 else self._rules
        for name, rule, wish in zip(keys, rules, said, strict=False):
            if wish not in (None, rule):
                raise UserError(
                    f"checkpoint.rule is {wish!r}, but of {name} {rule} is better: leave rule out."
                )
        return keys, rules

    def before_train(self, runner: Runner) -> None:
        """As the stock method; of a resumed training the folder tells which is the best so far.

        The checkpoint that it resumes from may be older than the best, or of another folder.
        """
        if runner.train_loop.iter and self.save_best:
            info = runner.message_hub.runtime_info
            for key in [key for key in info if key.startswith(("best_score", "best_ckpt"))]:
                del info[key]
            # One process looks, since it removes files that the others would look at.
            found = [self._best_so_far(runner) if is_main_process() else None]
            broadcast_object_list(found)
            info.update(found[0])
        super().before_train(runner)

    def _best_so_far(self, runner: Runner) -> dict[str, float | str]:
        """What the stock hook keeps in the message hub; worse files are removed."""
        info = {}
        folder = Path(runner.work_dir)
        if self.out_dir is not None:
            folder = Path(self.out_dir, folder.name)
        for name, better in self.is_better_than.items():
            suffix = "" if len(self.save_best) == 1 else f"_{name}"
            best_score, best_file = f"best_score{suffix}", f"best_ckpt{suffix}"
            for path, score in _best_files(folder, name):
                worse = path
                if best_score not in info or better(score, info[best_score]):
                    worse = info.get(best_file)
                    info.update({best_score: score, best_file: str(path)})
                if worse is not None:
                    Path(worse).unlink()
        return info

    def _save_best_checkpoint(self, runner: Runner, metrics: Mapping[str, float]) -> None:
        if not self.save_best:
            return
        if self.save_best == ["auto"]:  # of other metrics
            super()._save_best_checkpoint(runner, metrics)
            return
        absent = [key for key in self._keys.values() if key not in metrics]
        if absent:
            raise UserError(
                f"the validation gives no score {absent[0]!r}: name one of {', '.join(metrics)} as "
                "checkpoint.save_best."
            )
        super()._save_best_checkpoint(runner, {k: metrics[v] for k, v in self._keys.items()})


def _score_names(metric: object) -> ScoreNames | None:
    names = getattr(metric, "score_names", None)
    return names and names.with_prefix(metric.prefix)


def _best_files(folder: Path, name: str) -> Iterator[tuple[Path, float]]:
    """Files that a training has kept as its best, and their scores."""
    pattern = re.compile(rf"best_{re.escape(name.replace('/', '_'))}_(epoch|iter)_\d+\.pth")
    for path in sorted(folder.glob("best_*.pth")):
        if pattern.fullmatch(path.name):
            info = check_checkpoint(path).get("message_hub", {}).get("runtime_info", {})
            score = info.get("best_score", info.get(f"best_score_{name}"))
            if score is not None:
                yield path, score
