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
)
# What stands before the words: rules of dashes.
_START = re.compile(r"[\s-]*")


class _ForTheConsole(logging.Filter):
    """Passes what a reader who waits can act on."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        return not message.startswith(_FOR_THE_FILE, _START.match(message).end())


def quieten(logger: logging.Logger) -> None:
    """Keep descriptions of environment, configuration and parameters off a logger's console.

    Args:
        logger: its file handlers stay as they are.
    """
    for handler in logger.handlers:
        quiet = any(isinstance(each, _ForTheConsole) for each in handler.filters)
        if not isinstance(handler, logging.FileHandler) and not quiet:
            handler.addFilter(_ForTheConsole())
