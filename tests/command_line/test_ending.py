"""Every end of a tool is one line."""

import errno
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from epropnp_det.command_line import answering
from epropnp_det.errors import UserError


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UserError("no such thing: mend it."), "no such thing: mend it."),
        (FileNotFoundError(2, "No such file", "a.pkl"), "a.pkl does not exist: correct the path"),
        (
            OSError(errno.ENOSPC, "No space left", "out.json"),
            "out.json cannot be written (No space",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "out"), "out cannot be written (Perm"),
        (OSError(errno.ENOSPC, "No space left on device"), "writing failed (No space left"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "a/b"), "a/b cannot be written"),
    ],
)
def test_errors_of_the_user(capsys, error, said):
    with pytest.raises(SystemExit) as stop, answering("again"):
        raise error
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {said}")


@pytest.mark.parametrize("error", [ValueError("defect"), OSError(errno.ECONNRESET, "reset")])
def test_defects_are_passed_on(error):
    with pytest.raises(type(error)), answering("again"):
        raise error


def test_signal_that_reaches_a_child_first(tmp_path):
    """The child's end is an error here, before the signal arrives."""
    script = tmp_path / "tool.py"
    script.write_text(
        "import os, signal, threading\n"
        "from concurrent.futures.process import BrokenProcessPool\n"
        "from epropnp_det.command_line import answering\n"
        "from epropnp_det.errors import UserError\n"
        "with answering('say it again'):\n"
        "    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()\n"
        "    try:\n"
        "        raise BrokenProcessPool('a child is gone')\n"
        "    except BrokenProcessPool as error:\n"
        "        raise UserError('a worker was killed') from error\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "\ninterrupted: say it again.\n")


def test_handlers_are_put_back():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with answering("again"):
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


# What a tool may be doing: waiting, loading data with workers, sharing work out.
SLEEPING = "print('ready', flush=True); time.sleep(600)"
LOADING = """
    from torch.utils.data import DataLoader
    class Slow:
        def __len__(self): return 1000
        def __getitem__(self, i): time.sleep(0.05); return i
    for i, _ in enumerate(DataLoader(Slow(), num_workers=2, persistent_workers=True)):
        if i == 3: print('ready', flush=True)
"""
SHARING = """
    with ProcessPoolExecutor(2, mp_context=get_context({method!r})) as pool:
        with uninterrupted_workers():
            found = pool.map(time.sleep, [0.05] * 10_000)
        for i, _ in enumerate(found):
            if i == 3: print('ready', flush=True)
"""
CATCHING = """
    try:
        print('ready', flush=True); time.sleep(600)
    except BaseException:
        raise ValueError('an error on the way out')
"""
# Where an interruption cannot be raised, as in the hooks of a fork.
LOST = """
    class Finalized:
        def __del__(self): print('ready', flush=True); time.sleep(60)
    Finalized()
    time.sleep(60)
"""
INNER = "run_tool([sys.executable, __file__, 'inner'])"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "body",
    [
        SLEEPING,
        LOADING,
        SHARING.format(method="spawn"),
        SHARING.format(method="fork"),
        CATCHING,
        LOST,
        INNER,
    ],
    ids=["sleeping", "loading", "spawned", "forked", "catching", "lost", "inner"],
)
def test_interruption(tmp_path, body, number):
    """Of the whole process group, as Ctrl-C and a scheduler do it."""
    script = tmp_path / "tool.py"
    script.write_text(
        "import sys, time\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "from multiprocessing import get_context\n"
        "from epropnp_det.command_line import answering, run_tool\n"
        "from epropnp_det.workers import uninterrupted_workers\n"
        "if __name__ == '__main__':\n"
        f"  inner = {SLEEPING!r}\n"
        "  with answering('say it again'):\n"
        "    if len(sys.argv) > 1: exec(inner)\n"
        f"    {body.strip()}\n"
    )
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, number)
        said = process.stderr.read()  # to the end of the last process that holds it
        assert process.wait() == 130
    assert said == "\ninterrupted: say it again.\n"
    assert not _alive(process.pid)


def _alive(group: int) -> list[str]:
    """Processes of a group that still run; those that end are given time to."""
    for _ in range(100):
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = re.sub(r"\(.*\)", "", stat.read_text()).split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if fields[3] == str(group) and fields[1] != "Z":
                found.append(stat.parent.name)
        if not found:
            return []
        time.sleep(0.1)
    return found
