"""What a run prints, and what it only writes into its log file."""

from __future__ import annotations

import logging
import re

# Of interest when something is looked up later: hundreds of lines before the first step.
_FOR_THE_FILE = (
    "System environment:",
    "Config:\n",
    "Hooks will be executed in the following order:",
    "paramwise_options -- ",
    "Name of parameter - Initialization information",
    "Distributed training is not used, all SyncBatchNorm",
    # mmengine's own hook uses what mmengine deprecates.
    '"FileClient" will be deprecated',
    '"HardDiskBackend" is the alias',
    # Said twice.
    "Loads checkpoint by ",
)
# A line for every parameter that a config freezes, and for every layer of an older file.
_FOR_EACH = re.compile(
    r"\S+ is skipped since its requires_grad=False|.* is upgraded to version 2\."
)
# What a deformable network lacks in the weights of a classifier, and what it has no use for.
_DIFFERENCE = re.compile(r"(?:missing keys|unexpected key) in source state_dict: (.*)")
_EXPECTED = re.compile(r".*\.conv_offset\.(?:weight|bias)|fc\.(?:weight|bias)")
# What stands before the words: rules of dashes.
_START = re.compile(r"[\s-]*")


class _ForTheConsole(logging.Filter):
    """Passes what a reader who waits can act on."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        return not (
            message.startswith(_FOR_THE_FILE, _START.match(message).end())
            or _FOR_EACH.fullmatch(message.strip())
            or _is_expected(message)
        )


def _is_expected(message: str) -> bool:
    """Whether weights differ from a network as those of a classifier do from a detector's."""
    differences = _DIFFERENCE.findall(message)
    names = [name.strip() for listed in differences for name in listed.split(",")]
    return bool(names) and all(map(_EXPECTED.fullmatch, names))


def quieten(logger: logging.Logger) -> None:
    """Keep descriptions of environment, configuration and parameters off a logger's console.

    Args:
        logger: its file handlers stay as they are.
    """
    for handler in logger.handlers:
        quiet = any(isinstance(each, _ForTheConsole) for each in handler.filters)
        if not isinstance(handler, logging.FileHandler) and not quiet:
            handler.addFilter(_ForTheConsole())
