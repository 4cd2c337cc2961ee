"""What all exported files have in common."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from .description import Description, from_metadata
from .runtimes import open_file


class ExportedFile:
    """A file in a runtime, and what it tells of itself.

    Args:
        path: the file.
        runtime, threads: see :func:`epropnp_det.deploy.runtimes.open_file`.

    Attributes:
        description: what the file tells of itself.

    Raises:
        UserError: the file or the runtime is missing, or does not fit.
    """

    kind: ClassVar[type[Description]]
    """What it has to be."""

    def __init__(
        self, path: str | Path, runtime: str | None = None, threads: int | None = None
    ) -> None:
        self._run = open_file(path, runtime, threads)
        self.description: Description = from_metadata(self._run.metadata, str(path), self.kind)
