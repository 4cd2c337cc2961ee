"""Make the environment of a clone: PyTorch, mmcv with its compiled operators, then this package.

Uses the standard library alone. An active virtual environment (or conda environment other than
`base`) is used as it is; otherwise `.venv` is made in the repository. What can be known to fail is
looked at first. Steps that are done are skipped, so an interrupted run is continued by running it
again (an interrupted compilation starts afresh), and a finished environment is recognised in a
moment. What pip and the compiler print goes to a log in the environment.
"""

import argparse
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "requirements.txt"
CONSTRAINTS = ROOT / "constraints.txt"
SOURCES = ("constraints.txt", "pyproject.toml", "requirements.txt", "setup.py")
STAMP = "epropnp_det_environment.json"
LOG = "epropnp_det_environment.log"
# The one on which the detector was tried.
PYTHON = (3, 11)
BUILD_TOOLS = ["setuptools", "wheel", "ninja", "packaging"]
COMPILER_MEMORY = 1.5 * 2**30
EXTRAS = "det,tests,demo,docs,truckscenes,export,deploy,openvino"
# Gigabytes that each of the three steps takes on disk, by what it installs last, with a PyTorch
# without CUDA; as measured, with some room for what is unpacked and compiled on the way.
DISK = {"torch": 1.0, "mmcv": 0.5, "mmdet3d": 2.7}
PLAN = (
    "three steps: PyTorch; mmcv, which is compiled; MMDetection3D and this package",
    "about 1.1 GB to download and 3.6 GB on disk, with a PyTorch for CUDA 3.8 GB and 7.8 GB; pip "
    "takes what it has kept from its cache",
    "measured on two cores: 5 minutes, and 13 where they did other work too; half of it is mmcv's, "
    "which is spared where pip has kept the compiled one",
)


def fail(sentence):
    print("error: " + sentence, file=sys.stderr)
    sys.exit(2)


def say(sentence):
    print("[env] " + sentence, flush=True)


def environment_folder():
    """Folder of the active virtual environment, else `.venv` of the repository."""
    conda = os.environ.get("CONDA_DEFAULT_ENV", "base") != "base"
    active = os.environ.get("VIRTUAL_ENV") or (conda and os.environ.get("CONDA_PREFIX"))
    return Path(active) if active else ROOT / ".venv"


def check_clone():
    if not REQUIREMENTS.is_file():
        fail(
            "this makes the environment of a clone, and the package was installed without one: run "
            "`pip install 'torch<2.14' 'setuptools>=77,<80' wheel ninja && pip install "
            "--no-build-isolation 'epropnp_det[det]'` in its place."
        )


def check_version(version, executable):
    if tuple(version) != PYTHON:
        fail(
            f"Python 3.11 is needed, but {executable} is Python {version[0]}.{version[1]}: install "
            "python3.11 and say `make PYTHON=python3.11` outside of any other environment."
        )


def query(python, code):
    """Last line that `code` prints in the environment, decoded from JSON; None if it fails."""
    # A folder without packages of its own, so that `import mmcv` finds the installed one.
    try:
        done = subprocess.run(
            [str(python), "-c", code], cwd="/", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except OSError:  # made for another machine
        return None
    return json.loads(done.stdout.decode().splitlines()[-1]) if done.returncode == 0 else None


def make_environment(folder):
    """Path of the environment's interpreter, its site folders and its C headers' folder."""
    python = folder / "bin" / "python"
    # A link that leads nowhere is what is left of an environment of another machine.
    if not python.exists() and not python.is_symlink():
        check_version(sys.version_info[:2], sys.executable)
        say(f"making the virtual environment {folder}")
        made = subprocess.run(
            [sys.executable, "-m", "venv", str(folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if made.returncode:
            fail(f"{sys.executable} cannot make {folder}: install python3.11-venv.")
    facts = query(
        python,
        "import json, sys, sysconfig; p = sysconfig.get_paths(); "
        'print(json.dumps([sys.version_info[:2], [p["purelib"], p["platlib"]], p["include"]]))',
    )
    if facts is None:
        fail(
            f"{python} does not run, as after a move from another machine: remove {folder} and say "
            "`make env` again."
        )
    check_version(facts[0], python)
    return python, facts[1], Path(facts[2])


def lines_of(path):
    """Requirements in a file, without its comments."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if re.match(r"[\w-]", line)]


def requirement_names():
    lines = ["torch", *lines_of(REQUIREMENTS)]
    return [re.match(r"[\w-]+", line).group() for line in lines]


def state(site):
    """What the environment was made from: equal states need no work."""
    versions = {}
    for name in [*requirement_names(), "epropnp_det"]:
        found = next(iter(metadata.distributions(name=name, path=site)), None)
        versions[name] = found and found.version
    sources = b"".join((ROOT / name).read_bytes() for name in SOURCES)
    return {
        "root": str(ROOT),
        "sources": hashlib.sha256(sources).hexdigest(),
        "versions": versions,
        "nvcc": nvcc() or "",
    }


def is_complete(stamp, current):
    if None in current["versions"].values() or not stamp.is_file():
        return False
    try:
        return json.loads(stamp.read_text(encoding="utf-8")) == current
    except ValueError:
        return False


def nvcc():
    home = os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH") or "/usr/local/cuda"
    return shutil.which("nvcc", path=os.path.join(home, "bin")) or shutil.which("nvcc")


def check_compiler(include):
    """Environment variables that name the C++ compiler; ends the run if there is none."""
    wanted = [os.environ["CXX"]] if os.environ.get("CXX") else ["g++", "c++", "clang++"]
    compiler = next(filter(shutil.which, wanted), None)
    if compiler is None:
        fail(
            f"mmcv has to be compiled and no C++ compiler was found ({', '.join(wanted)}): install "
            "one, for example with `apt-get install g++`."
        )
    if not (include / "Python.h").is_file():
        fail(f"{include}/Python.h is missing: install python3.11-dev.")
    return {"CXX": compiler}


def check_torch(folder, versions):
    """A PyTorch that somebody else chose is not replaced unasked."""
    (wanted,) = (line for line in lines_of(CONSTRAINTS) if line.startswith("torch=="))
    found = versions["torch"]
    ours = (folder / STAMP).is_file()
    if found and not ours and found.split("+")[0] != wanted.split("==")[1]:
        fail(
            f"{folder} has torch {found}, in whose place {wanted} would come: leave that "
            "environment, so that another one is made, or run `pip uninstall torch` in it."
        )


def check_disk(folder, versions):
    needed = sum(size for name, size in DISK.items() if versions[name] is None)
    free = shutil.disk_usage(folder).free / 1e9
    if free < needed:
        fail(
            f"{folder} needs {needed:.1f} GB more, and its disk has {free:.1f} GB left: free some, "
            "or activate an environment on another disk."
        )


def check_index(python, log):
    """Ask for a small package by the very way that the others will come."""
    options = ["--dry-run", "--ignore-installed", "--no-deps", "--retries", "1", "--timeout", "15"]
    if run_pip(python, log, *options, "wheel"):
        fail(
            "pip reaches no index of packages: check the network, or pip's settings for a proxy or "
            f"a mirror (`pip config list`); {log} has its words."
        )


def run_pip(python, log, *arguments, **variables):
    """Status of a `pip install`, whose words go to the log."""
    command = [str(python), "-m", "pip", "install", *arguments]
    with log.open("ab") as file:
        file.write(f"\n$ {' '.join(command)}\n".encode())
        file.flush()
        return subprocess.run(
            command, cwd=str(ROOT), env=dict(os.environ, **variables), stdout=file, stderr=file
        ).returncode


def pip(python, log, *arguments, **variables):
    pinned = ("-c", str(REQUIREMENTS), "-c", str(CONSTRAINTS))
    start = time.monotonic()
    if run_pip(python, log, *pinned, *arguments, **variables):
        fail(
            f"`pip install {' '.join(arguments)}` failed, and the end of {log} says why: once that "
            "is mended, say `make env` again to go on from there."
        )
    say(f"done in {time.monotonic() - start:.0f} s")


def wants_cuda(python):
    """Whether mmcv can be compiled with CUDA: by this PyTorch, and by an nvcc of its version."""
    torch_cuda = query(python, "import json, torch; print(json.dumps(torch.version.cuda))")
    if torch_cuda is None:
        return False
    compiler = nvcc()
    told = compiler and subprocess.run([compiler, "--version"], stdout=subprocess.PIPE).stdout
    release = told and re.search(rb"release (\d+)\.", told)
    if release and release.group(1).decode() == torch_cuda.split(".")[0]:
        return True
    say(
        f"this PyTorch is made for CUDA {torch_cuda}, but there is no nvcc of that version: mmcv "
        f"gets CPU operators only; install CUDA {torch_cuda} and run this again to train on a GPU"
    )
    return False


def operators_work(python, cuda):
    """Whether mmcv's operators can be imported, and run on a GPU if `cuda`."""
    compiled = query(
        python,
        "import json; from mmcv.ops import get_compiling_cuda_version as version; "
        "print(json.dumps(version()))",
    )
    return compiled is not None and (compiled != "not available" or not cuda)


def is_kept(python, name):
    """Whether pip's cache has a wheel that was built of a package."""
    command = [str(python), "-m", "pip", "cache", "list", name]
    listed = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return f"{name}-".encode() in listed


def compiler_flags(python):
    """Python's own and the user's, without the debug information that Python's ask for.

    Setuptools takes CFLAGS in place of Python's, which optimise.
    """
    own = query(
        python, "import json, sysconfig; print(json.dumps(sysconfig.get_config_var('CFLAGS')))"
    )
    return " ".join(filter(None, [own, os.environ.get("CFLAGS"), "-g0"]))


def precompiled(python, folder, compiler, flags, log):
    """Flags by which the compiler takes from `folder` what it has read of PyTorch's headers.

    Every file of mmcv's begins with them, and most of the time that one takes goes there. Where
    they cannot be used, as with another compiler's, the headers themselves are read.
    """
    header = folder / "begin.h"
    if re.search(r"\s", str(header)):  # which flags cannot hold
        return []
    header.write_text("#include <torch/types.h>\n")
    paths = query(
        python,
        "import json; from torch.utils.cpp_extension import include_paths; "
        "print(json.dumps(include_paths()))",
    )
    if paths is None:
        return []
    includes = [word for path in paths for word in ("-isystem", path)]
    # As PyTorch compiles extensions; what differs would be refused.
    language = ["-fPIC", "-std=c++17", "-DTORCH_API_INCLUDE_EXTENSION_H", "-x", "c++-header"]
    words = [*shlex.split(flags), *includes, *language]
    with log.open("ab") as file:
        done = subprocess.run(
            [compiler, *words, str(header), "-o", f"{header}.gch"], stdout=file, stderr=file
        )
    return ["-include", str(header)] if done.returncode == 0 else []


def build_mmcv(python, include, log):
    cuda = wants_cuda(python)
    if operators_work(python, cuda):
        return
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    jobs = max(1, min(cores, int(memory / COMPILER_MEMORY)))
    variables = dict(
        check_compiler(include),
        MMCV_WITH_OPS="1",
        MAX_JOBS=os.environ.get("MAX_JOBS") or str(jobs),
        FORCE_CUDA="1" if cuda else "0",
        CFLAGS=compiler_flags(python),
    )
    if not cuda:
        # mmcv's setup.py calls for nvcc wherever PyTorch sees a GPU.
        variables["CUDA_VISIBLE_DEVICES"] = ""
    say(
        f"compiling mmcv with its {'CUDA' if cuda else 'CPU'} operators: some minutes on two "
        "cores, longer with CUDA; seconds if pip has kept the result of an earlier time"
    )
    flags, fresh = variables["CFLAGS"], ["--no-cache-dir", "--force-reinstall", "--no-deps"]
    with tempfile.TemporaryDirectory(dir=log.parent) as scratch:
        for options in ([], fresh):
            if options:
                say("that mmcv was compiled for another PyTorch: compiling it afresh")
            if options or not is_kept(python, "mmcv"):
                common = precompiled(python, Path(scratch), variables["CXX"], flags, log)
                variables["CFLAGS"] = " ".join([flags, *common])
            pip(python, log, "--no-build-isolation", *options, "mmcv", **variables)
            if operators_work(python, cuda):
                return
    fail(f'mmcv was compiled, but `{python} -c "import mmcv.ops"` fails.')


def install(folder):
    check_clone()
    python, site, include = make_environment(folder)
    stamp = folder / STAMP
    current = state(site)
    if is_complete(stamp, current):
        say(f"{folder} is complete")
        return
    check_torch(folder, current["versions"])
    if current["versions"]["mmcv"] is None:
        check_compiler(include)
    check_disk(folder, current["versions"])
    log = folder / LOG
    if query(python, "import pip; print(0)") is None:
        subprocess.run([str(python), "-m", "ensurepip", "--upgrade"], check=True)
    check_index(python, log)
    for sentence in PLAN:
        say(sentence)
    say("installing PyTorch and the build tools (1 of 3)")
    pip(python, log, "torch", "numpy", *BUILD_TOOLS)
    say("installing mmcv (2 of 3)")
    build_mmcv(python, include, log)
    say("installing MMDetection3D, the other requirements and this package (3 of 3)")
    pip(
        python,
        log,
        "--no-build-isolation",
        "-e",
        ".[det,tests,demo,docs,truckscenes,export,deploy,openvino]",
    )
    unfinished = stamp.with_suffix(".tmp")
    unfinished.write_text(json.dumps(state(site), indent=2), encoding="utf-8")
    unfinished.replace(stamp)
    say(f"{folder} is complete")


def stop(number, frame):
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--where", action="store_true", help="print the folder and do nothing")
    if parser.parse_args().where:
        print(environment_folder())
        return
    signal.signal(signal.SIGTERM, stop)
    try:
        install(environment_folder())
    except KeyboardInterrupt:
        print("\ninterrupted: say `make env` again to go on", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
