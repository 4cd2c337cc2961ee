"""Work that leaves no cycles of objects behind, and many objects that stay."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Do not look for unreachable cycles within, in this process and those that it forks.

    Python would visit all objects again each time that their number has grown by a quarter; in a
    forked process it writes to them, which copies what the two have shared.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
