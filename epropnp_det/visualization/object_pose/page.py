"""Whole pictures of the poses of known objects in one image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..image import draw_image
from ..style import (
    GROUND_TRUTH,
    INK,
    LABEL,
    PAGE,
    TEXT,
    TITLE,
    colour_of_number,
    new_page,
    place_axes,
)
from .correspondence_maps import draw_coordinates, draw_weights
from .outlines import draw_crop, draw_outline
from .posed_object import PosedObject
from .rotation_close_up import draw_rotation_close_up
from .rotation_sphere import draw_rotation_density, turn_scale

MAX_EXPLAINED = 12
"""Objects of an image that get a row of their own."""

# Inches.
_PAD, _TITLE, _LINE = 0.04, 0.17, 0.105
_IMAGE = (4.9, 4.2)  # greatest width and height
_SIDE, _MAP, _CLOSE_UP = 1.2, 1.95, 0.86
_BAR = 0.27
_TITLES = ("crop", "coordinates", "weights of u", "weights of v", "rotations", "close-up")


def object_pose_page(image: np.ndarray, shown: Sequence[PosedObject]) -> Figure:
    """An image with the outlines of its objects, their poses in numbers, and a row for each.

    A row has the crop with outlines and axes (those of the truth in green and dashed), the
    coordinates that the network says of every cell (red along x, green along y, blue along z), its
    weights of u and v, the density of the rotation on the sphere, and the samples of the rotation
    near the estimate. What is not known stays empty.

    Args:
        image: (H, W, 3), RGB, uint8.
        shown: its objects; rows are those of the first twelve.
    """
    rows = shown[:MAX_EXPLAINED]
    aspect = image.shape[1] / image.shape[0]
    width = min(_IMAGE[0], _IMAGE[1] * aspect)
    height = max(width / aspect, _text_height(shown))
    below = _TITLE + len(rows) * (_SIDE + _PAD) + _BAR if rows else 0
    figure = new_page(height + 2 * _PAD + below)
    _draw_whole(place_axes(figure, _PAD, _PAD, width, width / aspect), image, shown)
    _write_poses(figure, shown, width + 4 * _PAD)
    top = height + 2 * _PAD + _TITLE
    for number, each in enumerate(rows):
        axes = _draw_row(figure, image, each, number, top + number * (_SIDE + _PAD))
        if number == 0:
            _write_titles(figure, axes, top)
    if rows:
        _explain_colours(figure, axes[_TITLES.index("rotations")])
        _add_legend(figure, any(each.true_pose is not None for each in shown))
    return figure


def _draw_whole(ax: Axes, image: np.ndarray, shown: Sequence[PosedObject]) -> None:
    """The image with the outlines of its objects, numbered in the middle of their crops."""
    draw_image(ax, image)
    whole = np.array([-0.5, -0.5, image.shape[1] - 0.5, image.shape[0] - 0.5])
    for number, each in enumerate(shown):
        draw_outline(ax, each, whole, colour_of_number(number))
        draw_outline(ax, each, whole, GROUND_TRUTH, truth=True)
    for number, each in enumerate(shown):
        middle = (each.window[:2] + each.window[2:]) / 2
        _write_number(ax, middle.clip(whole[:2] + 4, whole[2:] - 4) + 0.5, number, clip_on=True)


def _draw_row(
    figure: Figure, image: np.ndarray, each: PosedObject, number: int, top: float
) -> list[Axes]:
    lefts = [_PAD + i * (_SIDE + _PAD) for i in range(4)]
    squares = [place_axes(figure, left, top, _SIDE, _SIDE) for left in lefts]
    draw_crop(squares[0], image, each, colour_of_number(number))
    _write_number(squares[0], (0.06, 0.94), number, transform=squares[0].transAxes)
    if each.maps is None:
        for ax in squares[1:]:
            ax.set_axis_off()
    else:
        draw_coordinates(squares[1], each.maps, each.model)
        draw_weights(squares[2], each.maps, 0)
        draw_weights(squares[3], each.maps, 1)
    left = lefts[3] + _SIDE + 2 * _PAD
    middle = top + (_SIDE - _MAP / 2) / 2
    sphere = place_axes(figure, left, middle, _MAP, _MAP / 2, projection="mollweide")
    rotations, weight = each.drawn_rotations()
    draw_rotation_density(sphere, rotations, weight, each.true_rotations())
    left = PAGE[0] - _CLOSE_UP - 3 * _PAD
    close_up = place_axes(figure, left, top + (_SIDE - _CLOSE_UP) / 2, _CLOSE_UP, _CLOSE_UP)
    if len(weight):
        error = each.error()
        turn = None if error is None else error.turn
        draw_rotation_close_up(close_up, rotations, weight, each.estimate.rotation[0], turn)
    else:
        close_up.set_axis_off()
    return [*squares, sphere, close_up]


def _write_number(ax: Axes, place: Sequence[float], number: int, **kwargs) -> None:
    box = {"fc": colour_of_number(number), "ec": "none", "pad": 0.8, "alpha": 0.9}
    ax.text(*place, f"{number + 1}", fontsize=LABEL, ha="center", va="center", bbox=box, **kwargs)


def _write_titles(figure: Figure, axes: Sequence[Axes], top: float) -> None:
    """Over the panels, on one line, whatever their heights."""
    up = 1 - (top - _PAD) / figure.get_figheight()
    for ax, title in zip(axes, _TITLES, strict=True):
        across = ax.get_position().get_points()[:, 0].mean()
        figure.text(across, up, title, fontsize=TITLE, color=INK, ha="center")


def _write_poses(figure: Figure, shown: Sequence[PosedObject], left: float) -> None:
    across, up = figure.get_size_inches()
    line = 0
    for number, each in enumerate(shown):
        for text in pose_lines(number, each):
            first = not text.startswith(" ")
            figure.text(
                left / across,
                1 - (_PAD + (line + 1) * _LINE) / up,
                text.strip(),
                fontsize=TEXT if first else LABEL,
                color=INK,
                fontweight="bold" if first else None,
            )
            line += 1
        line += 0.5


def _text_height(shown: Sequence[PosedObject]) -> float:
    lines = sum(len(pose_lines(number, each)) + 0.5 for number, each in enumerate(shown))
    return _PAD + lines * _LINE


def pose_lines(number: int, each: PosedObject) -> list[str]:
    """What is said of a pose in numbers: a heading, and lines that begin with a blank."""
    # A bare number would be taken for another of those by which the picture counts.
    name = f"object {each.name}" if each.name.isdecimal() else each.name
    lines = [f"{number + 1}  {name}"]
    if each.estimate is None:
        return [*lines, " no pose"]
    place, deviation = 1e3 * each.estimate.translation[0], each.estimate.deviation[0]
    lines += [
        f" at {_numbers(place)} mm ± {_numbers(1e3 * deviation[:3])} mm",
        f" about x, y, z ± {_numbers(np.degrees(deviation[3:]))}°",
    ]
    error = each.error()
    if error is not None:
        shift, turn = 1e3 * np.linalg.norm(error.shift), np.degrees(np.linalg.norm(error.turn))
        lines.append(f" off the truth by {shift:.1f} mm and {turn:.1f}°")
    return lines


def _numbers(values: np.ndarray) -> str:
    return ", ".join(f"{value:.1f}" if abs(value) < 1e4 else f"{value:.0e}" for value in values)


def _explain_colours(figure: Figure, whose: Axes) -> None:
    """The bar of the angles' colours, below an axes of the spheres."""
    left, _, width, _ = whose.get_position().bounds
    up = figure.get_figheight()
    bar = figure.add_axes((left, (_BAR - 0.09) / up, width, 0.06 / up))
    scale = figure.colorbar(turn_scale(), cax=bar, orientation="horizontal", ticks=[-180, 0, 180])
    scale.outline.set_visible(False)
    bar.set_xticklabels(["-180°", "turn of the z axis in the image", "180°"])
    bar.tick_params(labelsize=LABEL, length=0, pad=1.5)


def _add_legend(figure: Figure, truth: bool) -> None:
    lines = [("estimate, in the colour of its number", colour_of_number(0))]
    if truth:
        lines.append(("ground truth, axes dashed", GROUND_TRUTH))
    figure.legend(
        handles=[Line2D([], [], color=colour, lw=2, label=name) for name, colour in lines],
        loc="lower left",
        ncols=2,
        fontsize=TEXT,
        frameon=False,
        borderpad=0.1,
    )
