"""Estimated poses in the result file of the BOP challenge.

A line has ``scene_id,im_id,obj_id,score,R,t,time``: the rotation's nine numbers row by row and the
translation's three (mm) divided by blanks, the time in seconds or -1. See
https://bop.felk.cvut.cz/challenges/bop-challenge-2019.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from ...datasets.bop.rotations import are_rotations
from ...errors import UserError
from ...spelling import nearest
from ...whole_file import whole_file
from .pose_errors import Poses

COLUMNS = ("scene_id", "im_id", "obj_id", "score", "R", "t", "time")

# No camera stands as near to an object as this in mm, and none as far in metres.
_NEAREST = 10.0


@dataclass(frozen=True, eq=False)
class Estimates:
    """N estimated poses.

    Attributes:
        scene_id, im_id, obj_id: (N,) int.
        score: (N,) of more the more trusted.
        poses: N model to camera, mm.
        time: (N,) seconds that the image took, -1 where unknown.
    """

    scene_id: np.ndarray
    im_id: np.ndarray
    obj_id: np.ndarray
    score: np.ndarray
    poses: Poses
    time: np.ndarray

    def __len__(self) -> int:
        return len(self.score)


def write_estimates(path: str | Path, estimates: Estimates) -> None:
    """Write a result file, whole or not at all.

    BOP's own tools want it to be called ``METHOD_DATASET-SPLIT.csv``, as in ``ours_lm-test.csv``.
    """
    numbers = (getattr(estimates, name).tolist() for name in COLUMNS[:4])
    poses = (estimates.poses.rotation.reshape(-1, 9), estimates.poses.translation)
    cells = ([" ".join(map(repr, row)) for row in rows.tolist()] for rows in poses)
    with whole_file(path) as draft, draft.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(zip(*numbers, *cells, estimates.time.tolist(), strict=True))


def read_estimates(path: str | Path) -> Estimates:
    """Read a result file; the line with the names may be absent, as BOP's own tools allow.

    Raises:
        UserError: it cannot be read, a column is missing, a line has another number of numbers, a
            matrix is no rotation, or translations are in metres: all of their depths below 10.
    """
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [
                (number, cells) for number, cells in enumerate(csv.reader(file), 1) if any(cells)
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"the result file {path} cannot be read ({reason}): name a file of comma-separated "
            "values in BOP's form."
        ) from error
    places = _places(path, lines[0][1]) if lines else None
    if places is None:
        places = list(range(len(COLUMNS)))
    else:
        lines = lines[1:]
    for number, cells in lines:
        if len(cells) <= max(places):
            raise UserError(
                f"{path}, line {number} has {len(cells)} values where {', '.join(COLUMNS)} are "
                "asked for: write all of them, numbers within R and t divided by blanks."
            )
    numbers = [number for number, _ in lines]
    columns = {
        name: _column(path, name, numbers, [cells[place] for _, cells in lines])
        for name, place in zip(COLUMNS, places, strict=True)
    }
    ids = (_whole(path, name, numbers, columns[name][:, 0]) for name in COLUMNS[:3])
    poses = Poses(columns["R"], columns["t"])
    _check_poses(path, numbers, poses)
    return Estimates(*ids, columns["score"][:, 0], poses, columns["time"][:, 0])


def _places(path: Path, first: list[str]) -> list[int] | None:
    """Where each column is, by the first line; None if that has no names."""
    names = [cell.strip() for cell in first]
    if not set(names) & set(COLUMNS):
        try:
            float(names[0])
        except ValueError as error:
            raise _missing(path, COLUMNS[0], names) from error
        return None
    for name in COLUMNS:
        if name not in names:
            raise _missing(path, name, names)
    return [names.index(name) for name in COLUMNS]


def _missing(path: Path, name: str, names: list[str]) -> UserError:
    return UserError(
        f"{path} has no column {name}{nearest(name, names)}: its first line must be "
        f"{','.join(COLUMNS)}."
    )


def _column(path: Path, name: str, numbers: list[int], cells: list[str]) -> np.ndarray:
    """(N, 9), (N, 3) or (N, 1) finite numbers."""
    width = {"R": 9, "t": 3}.get(name, 1)
    words = [cell.split() for cell in cells]
    for number, row in zip(numbers, words, strict=True):
        if len(row) != width:
            raise UserError(
                f"{path}, line {number}: {name} has {len(row)} numbers in place of {width}: "
                f"write {width}{', divided by blanks' if width > 1 else ''}."
            )
    try:
        values = np.array(list(map(float, chain.from_iterable(words)))).reshape(-1, width)
    except ValueError:
        values = np.array([[_number(word) for word in row] for row in words])
    wrong = ~np.isfinite(values).all(axis=1)
    if wrong.any():
        first = int(wrong.argmax())
        raise UserError(
            f"{path}, line {numbers[first]}: {name} is {cells[first].strip()!r}, of which not all "
            "is a finite number: correct the line or leave it out."
        )
    return values


def _number(word: str) -> float:
    """NaN where it is none."""
    try:
        return float(word)
    except ValueError:
        return np.nan


def _whole(path: Path, name: str, numbers: list[int], values: np.ndarray) -> np.ndarray:
    wrong = values != np.round(values)
    if wrong.any():
        first = int(wrong.argmax())
        raise UserError(
            f"{path}, line {numbers[first]}: {name} is {values[first]:g}: write a whole number."
        )
    return values.astype(int)


def _check_poses(path: Path, numbers: list[int], poses: Poses) -> None:
    if not len(poses):
        return
    wrong = ~are_rotations(poses.rotation)
    if wrong.any():
        raise UserError(
            f"{path}, line {numbers[int(wrong.argmax())]}: R is no rotation: write the nine "
            "numbers of the rotation from model to camera row by row."
        )
    depth = np.abs(poses.translation[:, 2]).max()
    if depth < _NEAREST:
        raise UserError(
            f"{path}: no object is farther than {depth:g} mm from its camera, so that t seems to "
            "be in metres: write it in millimetres."
        )
