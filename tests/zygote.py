"""A process that has imported modules and run nothing: it forks a Python run at each line it reads.

A run begins as one of a fresh interpreter does after those imports, which take longer than most of
what the tests run. The modules are the arguments; requests are lines of JSON, each for one or more
processes that differ in their environments, and the answers their statuses.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import sys
import types

# Without this file's folder and what comes from PYTHONPATH.
STANDARD_PATH = sys.path[1 + len(os.environ["PYTHONPATH"].split(os.pathsep)) :]


def serve() -> dict | None:
    """Fork at each request; None at the end of them, or, in a child, what it is asked to run."""
    gc.freeze()  # what was imported then stays in memory that parent and children share
    for line in sys.stdin:
        request = json.loads(line)
        children = set()
        for environment in request.pop("environments"):
            child = os.fork()
            if not child:
                return {**request, "environment": environment}
            children.add(child)
        print(first_failure(children), flush=True)
    return None


def first_failure(children: set[int]) -> int:
    """Wait for processes and give their status; where one fails the others are ended."""
    failure = 0
    while children:
        child, status = os.wait()
        children.remove(child)
        failure = failure or os.waitstatus_to_exitcode(status)
        for other in children if failure else ():
            os.kill(other, signal.SIGKILL)
    return failure


def redirect(stdout: str, stderr: str) -> None:
    """Have the three standard streams be an empty one and two files."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    files = os.open(os.devnull, os.O_RDONLY), os.open(stdout, flags), os.open(stderr, flags)
    for descriptor, file in enumerate(files):
        os.dup2(file, descriptor)
    sys.stdin = os.fdopen(0)


def run(words: list[str]) -> None:
    """As `python WORDS...` does: of code after `-c`, a module after `-m`, or a script."""
    path = [*os.environ["PYTHONPATH"].split(os.pathsep), *STANDARD_PATH]
    if words[0] in ("-c", "-m"):
        option, what, *sys.argv[1:] = words
        sys.path[:] = ["", *path]
        if option == "-m":
            runpy.run_module(what, run_name="__main__", alter_sys=True)
        else:
            main = sys.modules["__main__"] = types.ModuleType("__main__")
            exec(compile(what, "<string>", "exec"), vars(main))
    else:
        sys.argv = words
        sys.path[:] = [os.path.dirname(words[0]), *path]
        runpy.run_path(words[0], run_name="__main__")


def status_of(words: list[str]) -> int:
    """Run, and answer an end or an error as an interpreter does."""
    try:
        run(words)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


for name in sys.argv[1:]:
    importlib.import_module(name)
status = 0
if request := serve():
    redirect(request["stdout"], request["stderr"])
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    status = status_of(request["words"])
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
os._exit(status)  # taking all those modules apart would take seconds
