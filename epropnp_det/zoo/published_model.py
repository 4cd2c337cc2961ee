"""What is known of a published model."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from .download import RemoteFile


@dataclass(frozen=True)
class SharedFolder:
    """A folder that is opened in a browser: its address leads to no file.

    Attributes:
        url: its address.
        subfolder: which of its folders holds the files; None where it holds them itself.
    """

    url: str
    subfolder: str | None = None

    def __str__(self) -> str:
        return f"{self.url} (folder {self.subfolder})" if self.subfolder else self.url


@dataclass(frozen=True)
class PublishedModel:
    """A published model.

    Attributes:
        name: name in the command lines.
        structure: what its parameter names say.
        folders: where its authors share its weights, any of them.
        published_config: name that its authors gave its config, by which its file is found among
            the others.
        config: path of its config from the root of the repository.
        classes: names of its classes, in the order of its labels; None for those of nuScenes.
        dropped: prefixes of published parameters that the network has no use for.
        absent: prefixes of our parameters that are not published and start as the config says.
        file: its weights where a program can fetch them; None where only the folders are known.
    """

    name: str
    structure: NamedTuple
    folders: tuple[SharedFolder, ...]
    published_config: str
    config: str
    classes: tuple[str, ...] | None = None
    dropped: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    file: RemoteFile | None = None

    def conversion(self, target: str | Path, source: str | Path = "FILE") -> str:
        """Command that converts its published file to a checkpoint for its config.

        Args:
            target: the checkpoint to write.
            source: the published file.
        """
        tool = ("python", "tools/convert_checkpoint.py")
        return shlex.join((*tool, str(source), str(target), "--model", self.name))
