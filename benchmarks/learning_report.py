"""The table and the curves of the learning benchmark, from the records of its runs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from learning_runs import MODELS, Record
from matplotlib.figure import Figure
from terminaltables import GithubFlavoredMarkdownTable

from epropnp_det.visualization import save_figure

SCORES = ("NDS", "mAP", "mATE", "mAOE")
HEADER = ["model", "seeds", *SCORES, "s/iteration", "memory(GB)"]


def report(records: Sequence[Record]) -> str:
    """Markdown table with a row for each model that has finished a run, and what it says.

    Numbers are mean +- standard deviation over seeds (of the sample; none for a single seed).
    """
    rows = []
    for model, name in MODELS.items():
        runs = sorted((r for r in records if r.model == model), key=lambda r: r.seed)
        if not runs:
            continue
        seeds = " ".join(str(run.seed) for run in runs)
        scores = [spread([run.metrics[score] for run in runs], 3) for score in SCORES]
        seconds = spread([run.seconds for run in runs], 2)
        memory = spread([run.memory / 1e3 for run in runs], 2)
        rows.append([name, seeds, *scores, seconds, memory])
    measured = {
        "memory that PyTorch allocated on the GPU" if run.on_gpu else "resident set of the process"
        for run in records
    }
    return (
        f"{GithubFlavoredMarkdownTable([HEADER, *rows]).table}\n\n"
        "Mean ± standard deviation over the seeds named. Time: median over a training's log. "
        f"Memory: peak in training, {' or '.join(sorted(measured))}."
    )


def spread(values: Sequence[float], digits: int) -> str:
    """Mean ± standard deviation of the sample; the value alone where there is one."""
    text = f"{statistics.mean(values):.{digits}f}"
    return text if len(values) < 2 else f"{text} ± {statistics.stdev(values):.{digits}f}"


def draw_curves(records: Sequence[Record], path: Path) -> None:
    """PNG of validation NDS over epochs: a thin line a run, a bold one for the models' means."""
    figure = Figure(figsize=(7, 4), dpi=150, layout="constrained")
    axes = figure.subplots()
    for index, (model, name) in enumerate(MODELS.items()):
        curves = [dict(r.curve) for r in records if r.model == model and r.curve]
        if not curves:
            continue
        for curve in curves:
            axes.plot(*zip(*curve.items(), strict=True), color=f"C{index}", alpha=0.3, linewidth=1)
        epochs = sorted(set.intersection(*map(set, curves)))
        means = [statistics.mean(curve[epoch] for curve in curves) for epoch in epochs]
        label = f"{name} ({len(curves)} seed{'s' if len(curves) > 1 else ''})"
        axes.plot(epochs, means, color=f"C{index}", linewidth=2, marker="o", ms=4, label=label)
    axes.set(xlabel="epoch", ylabel="NDS on the validation scenes")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    save_figure(figure, path)
