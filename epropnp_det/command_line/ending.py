"""How a tool ends: with its result, with one sentence, or with one line when it is interrupted."""

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from ..errors import exit_on_user_error, exit_with, last_line

INTERRUPTED = 130

# Seconds for a child that was told to end.
_PATIENCE = 5

# Seconds until an interruption that was lost is tried again.
_AGAIN = 0.05

# Seconds for the signal that has ended a child to reach this process.
_GRACE = 1

# Set for a tool that another one runs: the outer one says how to go on.
_INNER = "EPROPNP_DET_INNER_TOOL"

# What the place to write to is to blame for.
_UNWRITABLE = (
    errno.EACCES,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
)


@contextmanager
def answering(go_on: str) -> Iterator[None]:
    """Run a tool's work so that every end of it is told in one line.

    - Errors that the user can mend (`UserError`, missing files, files that cannot be written, a
      config that names an unregistered type or an argument that a constructor does not take) are
      printed as `error: <one sentence>`, status 2.
    - SIGINT and SIGTERM stop the work and every process that it has started:
      `interrupted: <how to go on>`, status 130. What is half-written then is removed by the
      contexts that write it.

    Anything else is a defect and keeps its traceback.

    Args:
        go_on: how to go on after an interruption, without a full stop.
    """
    with _interruptible(go_on), exit_on_user_error(), _patient_with_children():
        try:
            yield
        except FileNotFoundError as error:
            if error.filename is None:
                exit_with(last_line(error))
            exit_with(
                f"{error.filename} does not exist: correct the path or data_root that leads to it."
            )
        except OSError as error:
            if error.errno not in _UNWRITABLE:
                raise
            where = f"{error.filename} cannot be written" if error.filename else "writing failed"
            exit_with(f"{where} ({error.strerror}): free that place or name another one.")
        except (KeyError, TypeError) as error:
            _explain(error)
            raise


def _explain(error: Exception) -> None:
    if "mmengine" not in sys.modules:
        return
    from ..engine.build_errors import explain_build_error

    sentence = explain_build_error(error)
    if sentence is not None:
        exit_with(sentence)


@contextmanager
def _interruptible(go_on: str) -> Iterator[None]:
    owner = os.getpid()
    interrupted = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        if os.getpid() != owner:
            # A forked worker has inherited this handler. It leaves Ctrl-C to its parent, which
            # ends it, so that it does not print a traceback of its own.
            if number == signal.SIGTERM:
                os._exit(128 + number)
            return
        if interrupted:
            os._exit(INTERRUPTED)
        interrupted = True
        # PyTorch raises an error, wherever the process is, when a worker ends.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # Threads and finalizers that deal with the children that are ended here fail.
        threading.excepthook = lambda _: None
        sys.unraisablehook = raise_again
        # A pool would wait for all of its work.
        for child in multiprocessing.active_children():
            child.terminate()
        raise KeyboardInterrupt

    def raise_again(lost: object) -> None:
        # Where nothing can be raised, as in a finalizer or while a process is being forked.
        if lost.exc_type is KeyboardInterrupt and os.getpid() == owner:
            signal.signal(signal.SIGALRM, signal.default_int_handler)
            signal.setitimer(signal.ITIMER_REAL, _AGAIN)

    kept = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except BaseException:
        # Stopped workers and compilers raise errors of their own on the way out.
        if not interrupted:
            raise
        _end_interrupted(go_on)
    else:
        if interrupted:
            _end_interrupted(go_on)
    finally:
        if not interrupted:
            for number, handler in kept.items():
                signal.signal(number, handler)


@contextmanager
def _patient_with_children() -> Iterator[None]:
    """A signal to the whole process group may reach children first, whose end is an error here."""
    try:
        yield
    except Exception as error:
        if _is_lost_child(error):
            time.sleep(_GRACE)  # which the signal interrupts
        raise


def _is_lost_child(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, BrokenProcessPool) or "DataLoader worker" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _end_interrupted(go_on: str) -> NoReturn:
    for child in multiprocessing.active_children():
        child.join(_PATIENCE)
    if _INNER not in os.environ and os.environ.get("RANK", "0") == "0":
        print(f"\ninterrupted: {go_on}.", file=sys.stderr)
    sys.stdout.flush()
    sys.exit(INTERRUPTED)


def run_tool(command: Sequence[str]) -> int:
    """Run another tool, within :func:`answering`, and end it when this one is interrupted.

    Returns:
        Its status.
    """
    with subprocess.Popen(command, env={**os.environ, _INNER: "1"}) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
            raise
