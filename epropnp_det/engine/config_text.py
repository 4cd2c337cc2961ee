"""The text of a config, which a run writes down again and again."""

from __future__ import annotations

from mmengine.config import Config


class TextKept(Config):
    """A config that is formatted again only where it has changed.

    To format one takes a second or more. mmengine asks for the text three times when a training
    begins, and with every checkpoint.
    """

    _kept = ("", "")  # what was formatted, and its text

    @classmethod
    def of(cls, config: Config) -> TextKept:
        """The same config, sharing its content."""
        kept = cls.__new__(cls)
        vars(kept).update(vars(config))
        return kept

    @property
    def pretty_text(self) -> str:
        """As of the stock class."""
        content = repr(self.to_dict())
        if content != self._kept[0]:
            vars(self)["_kept"] = content, super().pretty_text
        return self._kept[1]
