"""The devkit's tables, opened with errors that a user can mend."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nuscenes.nuscenes import NuScenes

from ..devkits import devkit_of_folder
from ..errors import UserError


def load_tables(root: str | Path, version: str) -> NuScenes:
    """Open the tables of a dataroot with the devkit that is for them.

    Args:
        root: The folder that holds the folder ``version``.
        version: Such as v1.0-mini.

    Raises:
        UserError: A table is missing or broken, the tables do not fit together, or their devkit is
            not installed.
    """
    folder = Path(root, version)
    devkit = devkit_of_folder(folder)
    paths = [folder / f"{name}.json" for name in devkit.tables]
    for path in paths:
        if not path.is_file():
            raise UserError(f"table {path} is missing: unpack the metadata again")
    try:
        with complete_tables(folder):
            return devkit.open(root, version)
    except ValueError as error:
        broken = next((path for path in paths if not _is_json(path)), folder)
        raise UserError(f"table {broken} is not valid JSON: unpack the metadata again") from error
    except (AssertionError, OSError, TypeError) as error:
        raise UserError(f"the tables of {folder} do not load: {error}") from error


def read_table(folder: Path, name: str) -> list[dict]:
    """Rows of one table, without opening the others.

    Args:
        folder: that of the version.
        name: such as 'scene'.

    Raises:
        UserError: it is missing or broken.
    """
    path = folder / f"{name}.json"
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise UserError(f"table {path} is missing: unpack the metadata again") from error
    except ValueError as error:
        raise UserError(f"table {path} is not valid JSON: unpack the metadata again") from error


@contextmanager
def complete_tables(folder: Path) -> Iterator[None]:
    """Say so when a record looked up within the context is in none of the folder's tables.

    Raises:
        UserError: In place of the devkit's KeyError.
    """
    try:
        yield
    except KeyError as error:
        raise UserError(
            f"the tables of {folder} refer to a record {error} that is in none of them: "
            f"unpack the metadata again"
        ) from error


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    return True
