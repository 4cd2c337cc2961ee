"""Files of JSON as the BOP benchmark lays them out, read with a sentence on what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from ...errors import UserError

Value = TypeVar("Value")


def read_json(path: Path, kind: type[Value]) -> Value:
    """Read a file of JSON.

    Args:
        path: the file.
        kind: ``dict`` or ``list``, what it must hold.

    Raises:
        UserError: it is missing, cannot be read, is cut short or holds something else.
    """
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(
            f"{path} is missing: unpack it from the archives of the data set."
        ) from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise UserError(
            f"{path} is not whole JSON ({error}): it was cut short or edited, so unpack it again."
        ) from error
    if not isinstance(content, kind):
        raise UserError(
            f"{path} holds a {type(content).__name__} where BOP has a {kind.__name__}: "
            "take the file of the data set."
        )
    return content


def by_number(content: Mapping[str, Value], path: Path) -> dict[int, Value]:
    """The entries of a file of JSON by their keys as numbers, in ascending order.

    Raises:
        UserError: a key is no number.
    """
    try:
        return {int(key): content[key] for key in sorted(content, key=int)}
    except ValueError as error:
        raise UserError(
            f"{path} has a key that is no number ({error}): BOP has only such."
        ) from error


def taken(path: Path, take: Callable[[], Value]) -> Value:
    """What a function takes out of the content of a file.

    Raises:
        UserError: in place of the errors by which Python says that a key is missing or that a value
            is of another form.
    """
    try:
        return take()
    except KeyError as error:
        raise UserError(
            f"{path} has an entry without {error}: BOP has it in every entry."
        ) from error
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        raise UserError(f"{path} has an entry that is not of BOP's form ({error}).") from error
