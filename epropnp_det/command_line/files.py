"""Files that a tool reads and writes, tried before any work is done."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import UserError
from ..shipped import config_path

# Enough for the file system to say that it is full.
_TRIAL = bytes(1 << 16)


def check_file(path: str | Path, what: str) -> None:
    """Make sure that a file is there.

    Args:
        path: on this machine, or a config that comes with the package; what holds ``://`` is
            somewhere else and passes.
        what: what it is, for the message, such as 'checkpoint'.

    Raises:
        UserError: it is missing, a folder, or may not be read, or no such config comes along.
    """
    if "://" in str(path):
        return
    path = config_path(path)
    if path.is_dir():
        raise UserError(f"the {what} {path} is a folder: give the path of a file.")
    if not path.is_file():
        raise UserError(f"the {what} {path} does not exist: correct the path.")
    if not os.access(path, os.R_OK):
        raise UserError(f"the {what} {path} may not be read: correct its permissions.")


def check_folder(path: str | Path, what: str) -> None:
    """Make sure that a folder is there.

    Args:
        path: on this machine.
        what: what it is, for the message.

    Raises:
        UserError: it is missing or a file.
    """
    if not Path(path).is_dir():
        state = "is a file" if Path(path).exists() else "does not exist"
        raise UserError(f"the {what} {path} {state}: name the folder.")


def check_output_folder(path: str | Path, option: str) -> None:
    """Make sure that files can be written to a folder; what is made for the trial goes again.

    Args:
        path: the folder; it need not exist.
        option: what names another one, such as '--out'.

    Raises:
        UserError: it cannot be made or written to, or its disk is full.
    """
    path = Path(path)
    try:
        with _made(path), tempfile.TemporaryFile(dir=path) as file:
            file.write(_TRIAL)
    except OSError as error:
        raise UserError(
            f"{path} cannot be written to ({_reason(path, error)}): mend that, or name another "
            f"place with {option}."
        ) from error


def check_output_file(path: str | Path, option: str, source: str | Path | None = None) -> None:
    """Make sure that a file can be written, or replaced.

    Args:
        path: the file.
        option: what names another one, such as '--out'.
        source: a file that it is made from, which must not be replaced.

    Raises:
        UserError: there is something other than a file, or the source, or the folder cannot be
            written to.
    """
    path = Path(path)
    if source is not None and path.resolve() == Path(source).resolve():
        raise UserError(f"{path} is what is read: name another file with {option}.")
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "no ordinary file"
        raise UserError(f"{path} is {kind}: name a file with {option}.")
    check_output_folder(path.parent, option)


def _reason(path: Path, error: OSError) -> str:
    """What the system calls 'File exists' where a folder is to be made in the place of a file."""
    files = [place for place in (path, *path.parents) if place.exists() and not place.is_dir()]
    return f"{files[0]} is no folder" if files else error.strerror


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    made = []
    try:
        for parent in (*reversed(folder.parents), folder):
            if not parent.is_dir():
                parent.mkdir()
                made.append(parent)
        yield
    finally:
        for parent in reversed(made):
            parent.rmdir()
