"""Folders that a generator fills piece by piece, in several processes, and goes on with later."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from tqdm import tqdm

from ..errors import UserError
from ..whole_file import whole_file
from ..workers import uninterrupted_workers

MANIFEST = "synthetic.json"

Piece = TypeVar("Piece")


def is_begun(root: Path, settings: dict) -> bool:
    """Whether a folder holds what these settings, as JSON has them, give, whole or in part.

    Raises:
        UserError: it holds something else.
    """
    manifest = root / MANIFEST
    if not manifest.is_file():
        if root.is_dir() and any(root.iterdir()):
            raise UserError(f"{root} is not empty and holds no synthetic dataset: name another")
        return False
    try:
        found = json.loads(manifest.read_bytes())
    except ValueError as error:
        raise UserError(
            f"{manifest} is not valid JSON: remove {root} or name another folder"
        ) from error
    if found != settings:
        raise UserError(f"{root} holds a dataset of other settings: remove it or name another")
    return True


def begin(root: Path, settings: dict, readme: str) -> None:
    """Write what tells of the settings, and a README.

    Raises:
        UserError: the folder cannot be written to.
    """
    try:
        write(root / MANIFEST, json.dumps(settings, indent=1).encode())
        write(root / "README.md", readme.encode())
    except OSError as error:
        raise UserError(f"cannot write to {root} ({error}): name another folder") from error


def run(function: Callable[[Piece], None], pieces: Iterable[Piece], workers: int) -> Iterable[None]:
    """Call a function with each piece, in that many processes, as the result is gone through.

    Raises:
        UserError: a process was killed.
    """
    return map(function, pieces) if workers <= 1 else _run_parallel(function, pieces, workers)


def run_with_progress(
    function: Callable[[Piece], None], pieces: Sequence[Piece], workers: int, total: int, unit: str
) -> None:
    """``run``, with a line of progress.

    Args:
        function: called with each piece.
        pieces: those that are not done yet.
        workers: processes.
        total: how many there are with those that are done.
        unit: what a piece is.

    Raises:
        UserError: a process was killed.
    """
    with tqdm(
        desc=f"{unit}s", total=total, initial=total - len(pieces), unit=unit, smoothing=0
    ) as progress:
        for _ in run(function, pieces, workers):
            progress.update()


def write(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all."""
    with whole_file(path) as draft:
        draft.write_bytes(content)


def encode(suffix: str, image: np.ndarray, options: Iterable[int] = ()) -> bytes:
    """An image file, by OpenCV: colours are blue, green, red."""
    return cv2.imencode(suffix, image, list(options))[1].tobytes()


def _run_parallel(
    function: Callable[[Piece], None], pieces: Iterable[Piece], workers: int
) -> Iterator[None]:
    # A renderer that has threads does not survive a fork.
    try:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            with uninterrupted_workers():
                done = pool.map(function, pieces)
            yield from done
    except BrokenProcessPool as error:
        raise UserError(
            "a worker was killed, perhaps for lack of memory: give fewer --workers and run again"
        ) from error
