"""KITTI's text files, as editors and converters of any system leave them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from ..errors import UserError


def numbered_words(path: Path, mend: str) -> list[tuple[int, list[str]]]:
    """Words of each line that has some, with the number of the line.

    A byte order mark, tabs and the line ends of any system are passed over.

    Args:
        path: the file.
        mend: what to do where it is missing.

    Raises:
        UserError: the file is missing or is no text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing: {mend}.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): {mend}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text in UTF-8: save it so, or unpack it again.") from error
    lines = enumerate(text.splitlines(), start=1)
    return [(number, words) for number, line in lines if (words := line.split())]


def finite_numbers(words: Sequence[str], place: str) -> list[float]:
    """The numbers that words spell.

    Args:
        words: the words.
        place: where they stand, for messages.

    Raises:
        UserError: one of them is no finite number.
    """
    numbers = []
    for word in words:
        try:
            number = float(word)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise UserError(f"{place}: {word!r} is no finite number: correct the line.")
        numbers.append(number)
    return numbers
