"""Make the environment: PyTorch, mmcv with its compiled operators, then this package.

Uses the standard library alone. An active virtual environment (or conda environment other than
`base`) is used as it is; otherwise `.venv` is made in the repository. Steps that are done are
skipped, so an interrupted run is continued by running it again (an interrupted compilation starts
afresh), and a finished environment is recognised in a moment.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "requirements.txt"
STAMP = "epropnp_det_environment.json"
# mmcv 2.1.0's setup.py imports pkg_resources, which setuptools 80 and newer warn about and drop.
BUILD_TOOLS = ["setuptools>=77,<80", "wheel", "ninja", "packaging"]
COMPILER_MEMORY = 1.5 * 2**30


def fail(sentence):
    sys.exit("error: " + sentence)


def say(sentence):
    print("[env] " + sentence, flush=True)


def environment_folder():
    """Folder of the active virtual environment, else `.venv` of the repository."""
    conda = os.environ.get("CONDA_DEFAULT_ENV", "base") != "base"
    active = os.environ.get("VIRTUAL_ENV") or (conda and os.environ.get("CONDA_PREFIX"))
    return Path(active) if active else ROOT / ".venv"


def check_version(version, executable):
    if tuple(version) != (3, 11):
        fail(
            f"Python 3.11 is needed, but {executable} is Python {version[0]}.{version[1]}: install "
            "python3.11 and say `make PYTHON=python3.11` outside of any other environment."
        )


def query(python, code):
    """Last line that `code` prints in the environment, decoded from JSON; None if it fails."""
    # A folder without packages of its own, so that `import mmcv` finds the installed one.
    done = subprocess.run(
        [str(python), "-c", code], cwd="/", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    return json.loads(done.stdout.decode().splitlines()[-1]) if done.returncode == 0 else None


def make_environment(folder):
    """Path of the environment's interpreter, its site folders and its C headers' folder."""
    python = folder / "bin" / "python"
    if not python.exists():
        check_version(sys.version_info[:2], sys.executable)
        say(f"making the virtual environment {folder}")
        if subprocess.run([sys.executable, "-m", "venv", str(folder)]).returncode:
            fail(f"{sys.executable} cannot make {folder}: install python3.11-venv.")
    facts = query(
        python,
        "import json, sys, sysconfig; p = sysconfig.get_paths(); "
        'print(json.dumps([sys.version_info[:2], [p["purelib"], p["platlib"]], p["include"]]))',
    )
    if facts is None:
        fail(f"{python} does not run: remove {folder} and try again.")
    check_version(facts[0], python)
    return python, facts[1], Path(facts[2])


def requirement_names():
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    return [re.match(r"[\w-]+", line).group() for line in lines if re.match(r"[\w-]", line)]


def state(site):
    """What the environment was made from: equal states need no work."""
    versions = {}
    for name in [*requirement_names(), "epropnp_det"]:
        found = next(iter(metadata.distributions(name=name, path=site)), None)
        versions[name] = found and found.version
    sources = b"".join((ROOT / f).read_bytes() for f in ("requirements.txt", "setup.py"))
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


def pip(python, *arguments, **variables):
    command = [str(python), "-m", "pip", "install", "-c", str(REQUIREMENTS), *arguments]
    done = subprocess.run(command, cwd=str(ROOT), env=dict(os.environ, **variables))
    if done.returncode:
        fail(
            f"`pip install {' '.join(arguments)}` failed (see above): once that is mended, run the "
            "same command again to go on from there."
        )


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


def build_mmcv(python, include):
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
        # Python's own flags ask for debug information, which takes more than half of the time.
        CFLAGS=" ".join(filter(None, [os.environ.get("CFLAGS"), "-g0"])),
    )
    if not cuda:
        # mmcv's setup.py calls for nvcc wherever PyTorch sees a GPU.
        variables["CUDA_VISIBLE_DEVICES"] = ""
    say(
        f"compiling mmcv with its {'CUDA' if cuda else 'CPU'} operators: some minutes on two "
        "cores, longer with CUDA; seconds if pip has kept the result of an earlier time"
    )
    pip(python, "--no-build-isolation", "mmcv", **variables)
    if not operators_work(python, cuda):
        say("that mmcv was compiled for another PyTorch: compiling it afresh")
        fresh = ["--no-cache-dir", "--force-reinstall", "--no-deps"]
        pip(python, "--no-build-isolation", *fresh, "mmcv", **variables)
    if not operators_work(python, cuda):
        fail(f'mmcv was compiled, but `{python} -c "import mmcv.ops"` fails.')


def install(folder):
    python, site, include = make_environment(folder)
    stamp = folder / STAMP
    current = state(site)
    if is_complete(stamp, current):
        say(f"{folder} is complete")
        return
    if current["versions"]["mmcv"] is None:
        # Before PyTorch is downloaded in vain.
        check_compiler(include)
    if query(python, "import pip; print(0)") is None:
        subprocess.run([str(python), "-m", "ensurepip", "--upgrade"], check=True)
    say("installing PyTorch and the build tools (1 of 3)")
    pip(python, "torch", "numpy", *BUILD_TOOLS)
    say("installing mmcv (2 of 3)")
    build_mmcv(python, include)
    say("installing MMDetection3D, the other requirements and this package (3 of 3)")
    pip(python, "--no-build-isolation", "-r", str(REQUIREMENTS), "-e", ".[tests,demo,docs]")
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
