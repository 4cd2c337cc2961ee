"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A name to write to; what was written there takes its place when the block ends well.

    Args:
        path: the file; its folder is made. What is there stays until then.

    Raises:
        OSError: the folder cannot be made or written to; its ``filename`` is there.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield draft
        os.replace(draft, path)
    except OSError as error:
        if error.filename is None and error.errno is not None:  # as of a full disk
            error.filename = str(path)
        raise
    finally:
        draft.unlink(missing_ok=True)
