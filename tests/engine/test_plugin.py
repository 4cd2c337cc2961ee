"""Registration through custom_imports and by imports in any order, and the layer without it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.registry import Registry
from mmengine.utils import import_modules_from_strings

from epropnp_det import plugin
from epropnp_det.errors import UserError
from epropnp_det.registration import REGISTRIES

REGISTERED = {
    "MODELS": ["EProPnPDet", "FCOSEmbHead", "DeformPnPHead", "MonteCarloPoseLoss"],
    "TASK_UTILS": ["EProPnPDecoder"],
    "DATASETS": ["NuScenesMonoDataset"],
    "METRICS": ["NuScenesMonoMetric"],
}

ROOT = Path(__file__).resolve().parents[2]

# What a script imports before it looks a name up.
ORDERS = {
    "mmengine first": "import mmengine, epropnp_det",
    "package first": "import epropnp_det, mmengine",
    "layer, then mmdet3d's models": "import epropnp_det.pnp, mmdet3d.models",
    "layer, then mmcv": "import epropnp_det.pnp, mmcv, mmdet3d",
}


@pytest.fixture
def run_python(run_imports, tmp_path):
    """Run code, which has to end well, in an interpreter that has imported nothing of OpenMMLab."""

    def run(code: str) -> None:
        done = run_imports(tmp_path, "-c", code)
        assert done.returncode == 0, done.stderr

    return run


def test_custom_imports_register_every_name():
    import mmdet3d.registry

    import_modules_from_strings(["epropnp_det"])
    for registry, names in REGISTERED.items():
        for name in names:
            assert name in getattr(mmdet3d.registry, registry), name


@pytest.mark.parametrize("order", ORDERS)
def test_order_of_imports_does_not_matter(run_python, order):
    run_python(
        f"{ORDERS[order]}\n"
        "from mmdet3d.registry import DATASETS\n"
        "from mmengine.registry import RUNNERS\n"
        "try:\n"
        "    DATASETS.build(dict(type='NuScenesMonoDataset'))\n"
        "except TypeError as error:\n"
        "    assert 'data_root' in str(error), error\n"
        "assert 'EProPnPRunner' in RUNNERS"
    )


def test_runner_is_found_before_anything_of_mmdet3d(run_python):
    run_python(
        "import epropnp_det, mmengine.registry\nassert 'EProPnPRunner' in mmengine.registry.RUNNERS"
    )


def test_scope_of_mmdet3d_is_enough(run_python):
    run_python(
        "import epropnp_det\n"
        "from mmengine.registry import DATASETS, DefaultScope\n"
        "with DefaultScope.overwrite_default_scope('mmdet3d'):\n"
        "    try:\n"
        "        DATASETS.build(dict(type='NuScenesMonoDataset'))\n"
        "    except TypeError as error:\n"
        "        assert 'data_root' in str(error), error"
    )


def test_other_registries_of_mmengine_do_not_ask_us(run_python):
    run_python(
        "import sys, epropnp_det\n"
        "from mmengine.registry import HOOKS\n"
        "HOOKS.get('CheckpointHook')\n"
        "assert 'epropnp_det.plugin' not in sys.modules"
    )


def test_every_registry_with_parts_of_ours_is_told_of_the_plugin():
    for module, told in REGISTRIES.items():
        for name, registry in vars(sys.modules[module]).items():
            # The inferencer is no part of a config, and imports MMDetection3D by itself.
            if not isinstance(registry, Registry) or name.startswith(("MMENGINE_", "INFERENCERS")):
                continue
            parts = registry.module_dict.values()
            ours = any(part.__module__.startswith("epropnp_det.") for part in parts)
            assert ours == (name in told), name


@pytest.mark.parametrize("package", ["epropnp_det", "epropnp_det.pnp"])
def test_alone_it_imports_nothing_of_openmmlab(run_python, package):
    run_python(
        f"import sys, {package}\n"
        "found = {'mmengine', 'mmcv', 'mmdet', 'mmdet3d'} & sys.modules.keys()\n"
        "assert not found, found"
    )


def test_package_alone_imports_nothing_heavy():
    heavy = {"numpy", "torch", "importlib.resources", "inspect"}
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "import epropnp_det\n"
        f"assert not {heavy} & sys.modules.keys()"
    )
    # Without what a site has its interpreters import.
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)


@pytest.mark.parametrize("order", ["import mmengine, epropnp_det", "import epropnp_det, mmengine"])
def test_without_mmdet3d_nothing_is_registered(run_python, order):
    run_python(
        "import sys\n"
        "sys.modules['mmdet3d'] = None\n"
        f"{order}\n"
        "from mmengine.registry import RUNNERS\n"
        "assert 'EProPnPRunner' not in RUNNERS\n"
        "assert 'epropnp_det.plugin' not in sys.modules"
    )


def test_module_that_makes_registries_keeps_its_loader(run_python):
    run_python(
        "import inspect, epropnp_det, mmdet3d.registry as module\n"
        "assert module.__loader__ is module.__spec__.loader\n"
        "assert type(module.__loader__).__name__ == 'SourceFileLoader'\n"
        "assert 'DATASETS' in inspect.getsource(module)"
    )


@pytest.mark.parametrize("order", ["import mmengine, epropnp_det", "import epropnp_det, mmengine"])
def test_versions_are_compared_in_either_order(order, run_imports, tmp_path):
    info = tmp_path / "mmdet3d-1.5.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mmdet3d\nVersion: 1.5.0\n")
    code = f"{order}\nfrom mmdet3d.registry import MODELS\nMODELS.get('A')"
    done = run_imports(tmp_path, "-c", code, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "epropnp_det.errors.UserError: epropnp_det needs mmdet3d >=1.4.0,<1.5, but 1.5.0 is "
        "installed: run `pip install 'epropnp_det[det]'`, or `make env` in a clone."
    )


def test_shipped_configs_register_after_the_layer_was_imported_alone(run_python, repo_root):
    config = repo_root / "configs/_base_/default_runtime.py"
    run_python(
        "import epropnp_det.pnp\n"
        "from mmengine.config import Config\n"
        f"Config.fromfile({str(config)!r})\n"
        "from mmdet3d.registry import MODELS\n"
        "assert 'EProPnPDet' in MODELS"
    )


@pytest.mark.parametrize("version", ["1.3.9", "1.5.0"])
def test_version_that_was_not_tried(version, monkeypatch):
    versions = {"mmdet3d": version}
    monkeypatch.setattr(
        plugin.metadata, "version", lambda name: versions.get(name, plugin.TRIED[name][0])
    )
    with pytest.raises(UserError, match=f"mmdet3d.*{version}"):
        plugin.check_versions()


def test_package_that_is_absent(monkeypatch):
    def absent(name: str) -> str:
        raise plugin.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(plugin.metadata, "version", absent)
    with pytest.raises(UserError, match="mmengine"):
        plugin.check_versions()


def test_ranges_are_those_of_the_extra(repo_root):
    lines = (repo_root / "requirements.txt").read_text().splitlines()
    assert {f"{name}>={low},<{high}" for name, (low, high) in plugin.TRIED.items()} <= set(lines)
