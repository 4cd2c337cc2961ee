"""Fixtures shared by all tests."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from socket import socket
from subprocess import CompletedProcess, Popen

import pytest
import torch
from hypothesis import settings

try:
    import numpy as np
except ModuleNotFoundError:  # as where the layer alone is installed
    np = None

# How long an example takes says nothing on a loaded machine.
settings.register_profile("house", deadline=None)
settings.load_profile("house")

REPO_ROOT = Path(__file__).resolve().parents[1]

Run = Callable[..., CompletedProcess]
"""Run Python on some arguments in a folder; keyword arguments are environment variables."""

Fork = Callable[[Path, Sequence[object], Sequence[dict[str, str]]], CompletedProcess]
"""Run Python in a folder on some arguments, in as many processes as there are environments."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests were skipped: a line a reason, and not one a test."""
    reports = terminalreporter.stats.get("skipped", ())
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in reports)
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"skipped {count}: {reason}")


@pytest.fixture(autouse=True)
def torch_seed():
    """Seed torch and numpy so that a failure repeats."""
    torch.manual_seed(0)
    if np is not None:
        np.random.seed(0)


@pytest.fixture(scope="session")
def repo_root() -> Path:
    return REPO_ROOT


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Folder of reference numbers and of one real keyframe, kept beside the repository."""
    path = REPO_ROOT.parent / "shared"
    if not path.is_dir():
        pytest.skip(f"reference data absent: {path}")
    return path


@pytest.fixture(scope="session")
def golden_dir(shared_dir: Path) -> Path:
    return shared_dir / "golden"


@pytest.fixture(scope="session")
def keyframe_root(shared_dir: Path) -> Path:
    return shared_dir / "data" / "nuscenes_keyframe"


def environment(variables: dict[str, str]) -> dict[str, str]:
    """Environment variables of a run: if not told otherwise, it finds this package and the toys."""
    path = os.pathsep.join([str(REPO_ROOT), str(REPO_ROOT / "tests" / "tools")])
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path, **variables}


@pytest.fixture(scope="session")
def run_fresh() -> Run:
    """Run Python on some arguments in a folder; keyword arguments are environment variables."""

    def run(cwd: Path, *arguments: object, **variables: str) -> CompletedProcess:
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=cwd,
            env=environment(variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    return run


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fork]:
    """A zygote that has imported all that the tools do."""
    modules = ("mmdet3d.apis", "nuscenes.eval.detection.evaluate", "epropnp_det.plugin")
    with zygote(tmp_path_factory, *modules) as fork:
        yield fork


@pytest.fixture(scope="session")
def run_script(everything: Fork) -> Run:
    """As ``run_fresh``, by a process that has imported everything."""
    return one_process(everything)


@pytest.fixture(scope="session")
def run_ranks(everything: Fork) -> Run:
    """As ``run_script``, in two processes of one training, without a launcher."""

    def run(cwd: Path, *arguments: object, **variables: str) -> CompletedProcess:
        with socket() as free:
            free.bind(("127.0.0.1", 0))
            meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
        common = {**variables, **meeting, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
        return everything(
            cwd, arguments, [{**common, "RANK": rank, "LOCAL_RANK": rank} for rank in "01"]
        )

    return run


@pytest.fixture(scope="session")
def run_imports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """As ``run_fresh``, by a process that has imported much of what OpenMMLab imports of others."""
    others = ("cv2", "matplotlib.pyplot", "numba", "pycocotools.mask", "scipy.stats", "skimage")
    more = ("sklearn.gaussian_process", "torch.distributed.fsdp", "torch.distributed.optim")
    devkits = ("lyft_dataset_sdk.lyftdataset", "nuscenes.eval.detection.evaluate", "trimesh")
    with zygote(tmp_path_factory, *others, *more, *devkits) as fork:
        yield one_process(fork)


def one_process(fork: Fork) -> Run:
    """Have a zygote fork a single process."""

    def run(cwd: Path, *arguments: object, **variables: str) -> CompletedProcess:
        return fork(cwd, arguments, [variables])

    return run


@contextmanager
def zygote(folders: pytest.TempPathFactory, *modules: str) -> Iterator[Fork]:
    """A process that has imported some modules, and a way to have it fork."""
    parent = Popen(
        [sys.executable, Path(__file__).with_name("zygote.py"), *modules],
        env=environment({}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def fork(
        cwd: Path, arguments: Sequence[object], variables: Sequence[dict[str, str]]
    ) -> CompletedProcess:
        words = [str(argument) for argument in arguments]
        files = [folders.mktemp("run") / name for name in ("stdout", "stderr")]
        request = dict(
            words=words,
            cwd=str(cwd),
            environments=[environment(each) for each in variables],
            stdout=str(files[0]),
            stderr=str(files[1]),
        )
        print(json.dumps(request), file=parent.stdin, flush=True)
        status = int(parent.stdout.readline())
        return CompletedProcess(words, status, *(file.read_text() for file in files))

    with parent:
        yield fork
        parent.stdin.close()


@pytest.fixture(scope="session")
def truck_rig(repo_root: Path):
    """The rig that the config of MAN TruckScenes describes."""
    pytest.importorskip("truckscenes", reason="truckscenes-devkit is not installed")
    from epropnp_det.datasets import Rig

    return Rig.of_config(repo_root / "configs/_base_/datasets/truckscenes_mono3d.py")


@pytest.fixture(scope="session")
def truck_root(tmp_path_factory: pytest.TempPathFactory, truck_rig) -> Path:
    """A simulated dataroot in TruckScenes' format, two keyframes each to learn and to validate."""
    from epropnp_det.datasets import create_nuscenes_infos
    from epropnp_det.synthetic import Settings, generate

    root = tmp_path_factory.mktemp("truckscenes") / "data"
    settings = Settings(
        2, 2, 2, seed=1, image_size=(240, 116), version="v1.2-mini", dataset="truckscenes"
    )
    generate(settings, root)
    create_nuscenes_infos(root, "v1.2-mini", info_prefix="truckscenes", rig=truck_rig)
    return root


@pytest.fixture(scope="session")
def export(run_script: Run, repo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable:
    """Run one of the tools that export, and return the file."""
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(name, reason=f"{name} is not installed")
    from epropnp_det.pnp.newer_torch import can_compile

    if not can_compile():
        pytest.skip("the exporter of this PyTorch was not tried")

    def run(tool: str, *arguments: object) -> Path:
        path = tmp_path_factory.mktemp("exported") / "model.onnx"
        tool = repo_root / "tools" / tool
        done = run_script(repo_root, tool, *arguments[:2], path, *arguments[2:])
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return path

    return run


@pytest.fixture(scope="session")
def exported(export: Callable, repo_root: Path) -> Path:
    """The shipped network as a file, for images of 400 x 224 pixels, of which it tells 64."""
    return export(
        "export.py",
        repo_root / "configs/epropnp_det/epropnp-det_tiny_demo.py",
        repo_root / "checkpoints/epropnp-det_r18_synthetic.pth",
        *("--image-size", "400x224", "--max-objects", "64"),
    )


@pytest.fixture(scope="session")
def layer_file(export: Callable) -> Path:
    """The PnP layer as a file, of 6 degrees of freedom and 20 points."""
    return export("export_layer.py", "--dof", "6", "--points", "20")
