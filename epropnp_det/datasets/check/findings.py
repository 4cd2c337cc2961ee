"""What can be wrong with a data set, and where it was seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Kind:
    """One thing that may be wrong.

    Attributes:
        what: what is at fault, in the plural.
        mend: how to mend it.
        wrong: whether a training would be wrong with it, or end; else it is worth a note.
    """

    what: str
    mend: str
    wrong: bool = True


@dataclass(frozen=True)
class Finding:
    """Where a thing is wrong.

    Attributes:
        kind: what is.
        count: how often.
        example: where first.
    """

    kind: Kind
    count: int
    example: str

    def __str__(self) -> str:
        where = f"{self.count}, such as {self.example}" if self.count > 1 else self.example
        return f"{self.kind.what} ({where}): {self.kind.mend}"

    def explained(self, mend: str) -> Finding:
        """The same with a mend that is of the example."""
        return replace(self, kind=replace(self.kind, mend=mend.rstrip(".")))


def listed(kind: Kind, examples: Sequence[str]) -> Iterator[Finding]:
    """The finding of a kind where it was seen at all."""
    if examples:
        yield Finding(kind, len(examples), examples[0])


def marked(kind: Kind, mask: np.ndarray, name: Callable[[int], str]) -> Iterator[Finding]:
    """The finding of a kind where it is marked at all.

    Args:
        kind: the kind.
        mask: (N,) bool, true of what is at fault.
        name: what to call number i of these.
    """
    if mask.any():
        yield Finding(kind, int(mask.sum()), name(int(mask.argmax())))
