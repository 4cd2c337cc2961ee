"""Which published file a checkpoint was converted from, as its ``meta`` records it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass

ORIGIN_KEYS = ("published_model", "source_sha256")
"""Names in ``meta`` of what :class:`Origin` holds, in its order."""


@dataclass(frozen=True)
class Origin:
    """The published file that a checkpoint was converted from.

    Nobody states checksums of the published files, so that this is what tells two of them apart.

    Attributes:
        model: name of the published model.
        sha256: of the published file, in hexadecimal digits.
    """

    model: str
    sha256: str

    @classmethod
    def of(cls, checkpoint: Mapping) -> Origin | None:
        """What a checkpoint records of its origin; None where it was not converted.

        Args:
            checkpoint: as :func:`~epropnp_det.engine.checkpoint.check_checkpoint` returns it.
        """
        meta = checkpoint.get("meta")
        if not isinstance(meta, Mapping):
            return None
        found = [meta.get(key) for key in ORIGIN_KEYS]
        return cls(*found) if all(isinstance(value, str) for value in found) else None

    def as_meta(self) -> dict[str, str]:
        """What a checkpoint's ``meta`` holds of it: plain strings."""
        return dict(zip(ORIGIN_KEYS, astuple(self), strict=True))

    def __str__(self) -> str:
        return f"{self.model}, from a file with the SHA-256 {self.sha256}"
