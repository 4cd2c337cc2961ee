"""What keeps the inner loops from being compiled, and what to do about it."""

from __future__ import annotations

import struct
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

from .newer_torch import OLDEST_COMPILER


class UntriedCompiler(Exception):
    """The compiler of this PyTorch may lack what the loops ask of it."""


@cache
def prepare_to_compile() -> None:
    """Say, once a process, that compiling takes a while, and mend the compiler's cache before.

    Raises:
        OSError: the folder of the cache cannot be made, read or written to.
    """
    folder = _cache_folder()
    print(
        "epropnp_det.pnp: compiling the PnP layer for this machine: one to four minutes the first "
        f"time, seconds where the compiler's cache ({folder}) has it.",
        file=sys.stderr,
        flush=True,
    )
    remove_broken_entries(folder)


def remove_broken_entries(folder: Path) -> None:
    """Remove what a process that was killed, or a full disk, has left half-written.

    The compiler takes a file that is there for whole, in this and every later process. To wait for
    its exception is too late: to load a part of a library is a bus error, which ends the process.

    Args:
        folder: of the compiler's cache. Only files of code are looked at, never those elsewhere.

    Raises:
        OSError: the folder cannot be read or written to.
    """
    # PyTorch needs it itself, but not to be imported.
    from filelock import FileLock, Timeout

    locks = folder / "locks"
    for path in (*folder.glob("??/*.so"), *folder.glob("??/*.py")):
        with suppress(FileNotFoundError, Timeout):  # another process removes it, or is writing it
            if _is_broken(path):
                locks.mkdir(exist_ok=True)
                with FileLock(locks / f"{path.name.partition('.')[0]}.lock", timeout=0):
                    if _is_broken(path):
                        path.unlink()


def cause_and_mend(error: Exception) -> str:
    """Why compiling failed and what mends it, as "(cause): mend".

    Args:
        error: what the compiler raised.
    """
    cause = getattr(error, "inner_exception", error)
    kind, line = type(cause).__name__, _telling_line(cause)
    if isinstance(cause, UntriedCompiler):
        mend = f"install PyTorch {OLDEST_COMPILER} or newer, or pass compile=False"
    elif kind in ("InvalidCxxCompiler", "TritonMissing") or "find C compiler" in line:
        mend = "install a C++ compiler, or on a GPU Triton, or pass compile=False"
    elif "No space left" in line or "quota exceeded" in line:
        mend = "make room, or name another disk in TORCHINDUCTOR_CACHE_DIR and TMPDIR"
    elif isinstance(cause, OSError) and (cause.filename or "TORCHINDUCTOR_CACHE_DIR" in line):
        mend = "name a folder in TORCHINDUCTOR_CACHE_DIR where code can be written and run"
    elif isinstance(cause, ImportError) or "Failed to import" in line:
        mend = f"delete the folder {_cache_folder()}, or if that does not help pass compile=False"
    else:
        mend = "pass compile=False to do without"
    return f"({kind}: {line}): {mend}"


def _cache_folder() -> Path:
    # It takes seconds to import, which is for nothing where nothing is compiled.
    from torch._inductor.runtime.cache_dir_utils import cache_dir

    return Path(cache_dir())


def _is_broken(path: Path) -> bool:
    """Whether a file of code is empty, blank after a crash of the machine, or cut short."""
    if path.suffix == ".py":
        return not path.read_bytes().endswith(b"\n")  # with which every line of it is written
    with path.open("rb") as file:
        head = file.read(64)
    if not head.startswith(b"\x7fELF\x02"):  # of 64 bits
        return not head.strip(b"\0")
    if len(head) < 64:
        return True
    # The table of sections is the last that a linker writes.
    (table,) = struct.unpack_from("<Q", head, 40)
    size, number = struct.unpack_from("<HH", head, 58)
    return path.stat().st_size < table + size * number


def _telling_line(error: Exception) -> str:
    """Of what a C++ compiler says its first error; of other errors the first line."""
    output = getattr(error, "output", None)
    lines = str(error if output is None else output).strip().splitlines() or [""]
    signs = ("No space left", "quota exceeded", "error") if output else ()
    return next((line for sign in signs for line in lines if sign in line), lines[0])
