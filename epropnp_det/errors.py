"""The one exception type that command lines show without a traceback, and how they show it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


class UserError(Exception):
    """An error that the user can mend: its message names the thing at fault and the mend.

    Tools print the message on stderr and exit with status 2; anything else that is raised is a
    defect of ours and keeps its traceback.
    """


@contextmanager
def exit_on_user_error() -> Iterator[None]:
    """Print a `UserError` as `error: <one sentence>` and exit with status 2."""
    try:
        yield
    except UserError as error:
        sentence = str(error)
        if sentence.startswith("Caught UserError in DataLoader worker"):
            sentence = last_line(error).removeprefix(f"{__name__}.UserError: ")
        exit_with(sentence)


def last_line(error: Exception) -> str:
    """The error alone where a data loader's worker passed on its whole traceback as text."""
    return str(error).strip().splitlines()[-1]


def exit_with(sentence: str) -> NoReturn:
    """Print `error: <sentence>` on stderr and exit with status 2."""
    print(f"error: {sentence}", file=sys.stderr)
    sys.exit(2)
