"""The names of a metric's scores, and which way each is better."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from ..errors import UserError


@dataclass(frozen=True)
class ScoreNames:
    """The scores that a metric will give, known before it has seen an image.

    Attributes:
        main: the one that a detector is judged by.
        higher: keys of scores of which more is better; parts are divided by '/'.
        lower: keys of errors.
    """

    main: str
    higher: tuple[str, ...]
    lower: tuple[str, ...] = ()

    def with_prefix(self, prefix: str | None) -> ScoreNames:
        """The same under the keys that mmengine logs."""

        def put(key: str) -> str:
            return f"{prefix}/{key}" if prefix else key

        return ScoreNames(put(self.main), tuple(map(put, self.higher)), tuple(map(put, self.lower)))

    def find(self, word: str) -> str:
        """The key that is meant.

        Args:
            word: a key, its last part ('NDS'), or 'auto' for the main one; blanks and capitals do
                not matter, since `--cfg-options` takes blanks away.

        Raises:
            UserError: there is none.
        """
        if word == "auto":
            return self.main
        keys = (*self.higher, *self.lower)
        wanted = _squashed(word)
        for key in keys:
            if wanted == _squashed(key) or _squashed(key).endswith(f"/{wanted}"):
                return key
        names = [short_name(key) for key in keys]
        near = difflib.get_close_matches(short_name(word), names, n=3)
        known = near or [short_name(self.main), *names[:4]]
        raise UserError(
            f"there is no score {word!r} to save the best by: name one such as "
            f"{', '.join(dict.fromkeys(known))}, or 'auto' for {short_name(self.main)}."
        )

    def rule(self, key: str) -> str:
        """'greater' or 'less', whichever is better."""
        return "less" if key in self.lower else "greater"


def short_name(key: str) -> str:
    """The last part of a key, as in 'NDS'."""
    return key.rsplit("/", 1)[-1]


def _squashed(text: str) -> str:
    return "".join(text.split()).lower()
