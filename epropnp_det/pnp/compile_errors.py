"""Why the inner loops could not be compiled, and what to do about it."""

from __future__ import annotations

import errno
import os
import re
import sys
from functools import cache
from pathlib import Path

# By which Inductor calls the source and the library of a piece of code in its cache.
_KEY = re.compile(r"(?<![a-z2-7])c[a-z2-7]{51}(?![a-z2-7])")


@cache
def announce() -> None:
    """Say, once a process, that compiling takes a while: it is silent for minutes."""
    print(
        "epropnp_det.pnp: compiling the PnP layer, which takes minutes the first time and seconds "
        "when the compiler's cache has it",
        file=sys.stderr,
        flush=True,
    )


def is_of_the_cache(error: OSError) -> bool:
    """Whether the folder of the compiler's cache, as the environment names it, raised an error."""
    named = os.environ.get("TORCHINDUCTOR_CACHE_DIR")
    if named is None or error.filename is None:
        return False
    folder, file = Path(named).absolute(), Path(os.fsdecode(error.filename)).absolute()
    return folder.is_relative_to(file) or file.is_relative_to(folder)


def remove_broken_entry(error: Exception) -> bool:
    """Remove what a process that was killed has left half-written in the compiler's cache.

    Inductor takes a file that is there for whole: an empty or truncated library or module fails
    to load, in this and every later process.

    Args:
        error: what the compiler raised; it names the entry.

    Returns:
        Whether there was such an entry, so that it is worth compiling again.
    """
    from torch._inductor.codecache import PyCodeCache
    from torch._inductor.runtime.cache_dir_utils import cache_dir

    removed = False
    for key in set(_KEY.findall(str(error))):
        for path in Path(cache_dir(), key[1:3]).glob(f"{key}.*"):
            path.unlink(missing_ok=True)
            removed = True
    if removed:
        PyCodeCache.cache_clear()  # it keeps an empty module, too
    return removed


def cause_and_mend(error: Exception) -> str:
    """One clause on why compiling failed and what mends it.

    Args:
        error: what the compiler raised.
    """
    cause = getattr(error, "inner_exception", None) or error
    reason = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
    if type(cause).__name__ in ("InvalidCxxCompiler", "TritonMissing"):
        mend = "install a C++ compiler, or on a GPU Triton, or pass compile=False"
    elif isinstance(cause, OSError) and (is_of_the_cache(cause) or cause.errno == errno.ENOSPC):
        mend = (
            "name a folder that can be written to and has room in TORCHINDUCTOR_CACHE_DIR, or pass "
            "compile=False"
        )
    else:
        mend = "delete the compiler's cache, or pass compile=False"
    return f"{reason}: {mend}"
