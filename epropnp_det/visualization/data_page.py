"""One page on a data set, to be looked at before a training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from ..datasets.check import Report
from ..datasets.check.listing import ListedImage
from ..datasets.levelling import turn_image
from .boxes import BoxSet
from .image import draw_boxes_on_image
from .sensor_files import read_image
from .style import (
    FAINT,
    HAIR,
    INK,
    LABEL,
    PAGE,
    PALETTE,
    TEXT,
    TITLE,
    colour_of,
    new_page,
    place_axes,
    set_title,
)

_ROWS = (7, 12)  # least room for classes, and most that are shown
_DOTS = 5000  # of more, each is drawn fainter
_BINS = 36
_MARGIN = (0.5, 99.5)  # percentiles of the places that are shown; what is beyond is a mistake
_KEPT, _LISTED = "#5b8def", "#d2d6db"
# Inches from the left, and widths and heights.
_PAD, _TITLE, _PANEL, _TICKS, _HIGHEST = 0.08, 0.19, 2.2, 0.34, 4.5
_BARS, _PLACES, _CURVES = (1.12, 1.45), (3.6, 2.2), (6.2, 1.62)
_CURVE = 0.78


@dataclass(frozen=True)
class _Shown:
    """The objects of all reports that can be drawn, N, each image once.

    Attributes:
        names: (N,) of their classes.
        box: (N, 7) in the frame of their camera.
        height: (N,) of the 2D boxes, pixels.
        kept: (N,) whether a training keeps them by default.
        image: (N,) number of their image in ``images``.
        images: the images, and whether their file can be shown.
    """

    names: np.ndarray
    box: np.ndarray
    height: np.ndarray
    kept: np.ndarray
    image: np.ndarray
    images: Sequence[tuple[ListedImage, bool]]

    @classmethod
    def of(cls, reports: Sequence[Report]) -> _Shown:
        columns, images, seen = [], [], set()
        for report in reports:
            listing, objects = report.listing, report.listing.objects
            new = np.array([image.path not in seen for image in listing.images], bool)
            places = len(images) + np.cumsum(new) - 1
            finite = np.isfinite(objects.box).all(1) & (objects.box[:, 3:6] > 0).all(1)
            chosen = new[objects.image] & (objects.label >= 0) & finite
            names = [listing.class_name(label) for label in objects.label[chosen].tolist()]
            columns.append(
                (
                    np.array(names, dtype=object),
                    objects.box[chosen],
                    objects.fields["bbox"][chosen] @ (0, -1, 0, 1),
                    objects.kept[chosen],
                    places[objects.image[chosen]],
                )
            )
            fresh = [image for image, is_new in zip(listing.images, new, strict=True) if is_new]
            images += [(image, _drawable(image, report)) for image in fresh]
            seen |= {image.path for image in fresh}
        return cls(*map(np.concatenate, zip(*columns, strict=True)), images)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def drawn(self) -> np.ndarray:
        """(N,) those drawn on an image: what a training keeps, all where it keeps nothing."""
        return self.kept if self.kept.any() else ~self.kept

    def fullest(self) -> int | None:
        """Number of the image with the most boxes of those that can be shown."""
        counts = np.bincount(self.image[self.drawn], minlength=len(self.images))
        counts[[not drawable for _, drawable in self.images]] = -1
        return None if counts.max(initial=-1) < 0 else int(counts.argmax())


def _drawable(image: ListedImage, report: Report) -> bool:
    file = report.files.get(image.path)
    whole = file is not None and file.fault is None and file.size is not None
    return whole and image.cam2img.shape == (3, 3) and bool(np.isfinite(image.cam2img).all())


def data_page(reports: Sequence[Report]) -> Figure:
    """Classes, places, depths and sizes of the objects, and the image with the most of them.

    Images that several info files list count once.

    Args:
        reports: of the info files, one or more.

    Raises:
        UserError: the image has become unreadable meanwhile.
    """
    shown = _Shown.of(reports)
    number = shown.fullest()
    image, size = None, (0.0, 0.0)
    if number is not None:
        entry = shown.images[number][0]
        image = read_image(entry.path)
        if entry.homography is not None:
            image = turn_image(image, entry.homography)
        aspect = image.shape[1] / image.shape[0]
        height = min(_HIGHEST, (PAGE[0] - 2 * _PAD) / aspect)
        size = aspect * height, height
    panels = _PAD + 2 * _TITLE
    below = panels + _TITLE + (_PANEL + _TICKS if len(shown) else -_TITLE)
    figure = new_page(below + size[1] + _PAD)
    figure.text(
        _PAD / PAGE[0],
        1 - _PAD / figure.get_figheight(),
        f"{', '.join(report.info_file.name for report in reports)}: {len(shown.images)} images, "
        f"{len(shown)} boxes",
        fontsize=TITLE + 1,
        va="top",
        color=INK,
    )
    stand_ins = _stand_ins(reports)
    if len(shown):
        ax = place_axes(figure, _BARS[0], panels, _BARS[1], _PANEL)
        _draw_counts(ax, shown, stand_ins)
        ax = place_axes(figure, _PLACES[0], panels, _PLACES[1], _PANEL)
        _draw_places(ax, shown, stand_ins)
        ax = place_axes(figure, _CURVES[0], panels, _CURVES[1], _CURVE)
        _draw_depths(ax, shown)
        ax = place_axes(figure, _CURVES[0], panels + _PANEL - _CURVE, _CURVES[1], _CURVE)
        _draw_heights(ax, shown)
    if image is not None:
        ax = place_axes(figure, (PAGE[0] - size[0]) / 2, below, *size)
        members = (shown.image == number) & shown.drawn
        colours = [stand_ins[name] for name in shown.names[members]]
        boxes = BoxSet.from_camera(shown.box[members], colours)
        draw_boxes_on_image(ax, image, entry.cam2img, boxes)
        set_title(ax, f"the image with the most boxes, {members.sum()}: {entry}")
    return figure


def _stand_ins(reports: Sequence[Report]) -> dict[str, str]:
    """By class the class of nuScenes whose colour it has: of its own name, or one of the others."""
    used = [report.listing for report in reports]
    names = dict.fromkeys(
        x.class_name(label)
        for x in used
        for label in (*x.classes, *np.unique(x.objects.label[x.objects.label >= 0]).tolist())
    )
    found = {name: name.lower() for name in names if name.lower() in PALETTE}
    free = [name for name in PALETTE if name not in found.values()] or list(PALETTE)
    own = [name for name in names if name not in found]
    return {name: free[i % len(free)] for i, name in enumerate(own)} | found


def _draw_counts(ax: Axes, shown: _Shown, stand_ins: Mapping[str, str]) -> None:
    """Bars: of each class how many are listed, pale, and how many a training keeps."""
    listed, kept = Counter(shown.names), Counter(shown.names[shown.kept])
    names = sorted(stand_ins, key=lambda name: -listed[name])[: _ROWS[1]]
    for row, name in enumerate(names):
        colour = colour_of(stand_ins[name])
        ax.barh(row, listed[name], color=colour, alpha=0.3, height=0.7)
        ax.barh(row, kept[name], color=colour, height=0.7)
        of = "" if kept[name] == listed[name] else f" of {listed[name]}"
        ax.annotate(
            f"{kept[name]}{of}",
            (listed[name], row),
            xytext=(2, 0),
            textcoords="offset points",
            va="center",
            fontsize=LABEL,
            color=INK,
        )
    ax.set(
        xlim=(0, max(listed.values()) * 1.15),
        ylim=(max(len(names), _ROWS[0]) - 0.4, -0.6),
        xticks=[],
    )
    ax.set_yticks(range(len(names)), [_short(name) for name in names], fontsize=TEXT, color=INK)
    ax.tick_params(length=0, pad=2)
    ax.spines[:].set_visible(False)
    some = f"the first {len(names)} of {len(stand_ins)} classes, " * (len(stand_ins) > len(names))
    set_title(ax, f"{some}boxes{'' if shown.kept.all() else ' kept of listed'}")


def _short(name: str) -> str:
    words = name.replace("_", " ")
    return words if len(words) <= 20 else f"{words[:19]}…"


def _draw_places(ax: Axes, shown: _Shown, stand_ins: Mapping[str, str]) -> None:
    """Dots: the objects from above in the frames of their cameras, rare classes on top."""
    counts = Counter(shown.names)
    order = np.argsort([-counts[name] for name in shown.names], kind="stable")
    share = min(1.0, _DOTS / len(shown))
    x, _, z = shown.box[order, :3].T
    colours = [colour_of(stand_ins[name]) for name in shown.names[order]]
    ax.scatter(x, z, s=1 + 4 * share, c=colours, lw=0, alpha=0.25 + 0.65 * share, zorder=2)
    near, far = np.percentile(z, _MARGIN)
    near, far = min(0.0, near), 1.05 * max(far, 10.0)
    half = (far - near) / 2 * _PLACES[1] / _PANEL
    ax.set(xlim=(-half, half), ylim=(near, far), aspect="equal")
    ax.plot(0, 0, marker="^", ms=5, color=INK, clip_on=False, zorder=3)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    _frame(ax)
    ax.grid(color=FAINT, lw=HAIR, alpha=0.5)
    set_title(ax, "from above, each in its camera's frame (m)")


def _draw_depths(ax: Axes, shown: _Shown) -> None:
    depth = shown.box[:, 2]
    low, high = np.percentile(depth, _MARGIN)
    _draw_distribution(ax, depth, shown.kept, np.linspace(min(low, 0), max(high, 1), _BINS))
    ax.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    set_title(ax, "depth (m)")


def _draw_heights(ax: Axes, shown: _Shown) -> None:
    height = np.nan_to_num(shown.height, nan=0, posinf=0, neginf=0).clip(1)
    low, high = np.percentile(height, _MARGIN)
    powers = np.arange(np.floor(np.log2(low)), np.ceil(np.log2(high)) + 1.5)
    _draw_distribution(ax, height, shown.kept, np.geomspace(*2.0 ** powers[[0, -1]], _BINS))
    ax.set_xscale("log", base=2)
    ax.set_xticks(2.0**powers, [f"{2**power:.0f}" for power in powers])
    ax.xaxis.set_minor_locator(NullLocator())
    set_title(ax, "height of the 2D boxes (pixels)")


def _draw_distribution(ax: Axes, values: np.ndarray, kept: np.ndarray, bins: np.ndarray) -> None:
    ax.hist(values, bins, color=_LISTED, label="listed")
    ax.hist(values[kept], bins, color=_KEPT, label="kept")
    ax.set(xlim=bins[[0, -1]], yticks=[])
    _frame(ax)
    ax.spines[["left", "top", "right"]].set_visible(False)
    if not kept.all():
        ax.legend(fontsize=LABEL, frameon=False, handlelength=0.8, borderpad=0, loc="upper right")


def _frame(ax: Axes) -> None:
    ax.tick_params(labelsize=LABEL, length=2, width=HAIR, pad=1.5, colors=INK)
    ax.spines[:].set(color=FAINT, linewidth=HAIR)
