"""Registration through custom_imports, and the layer without OpenMMLab."""

import subprocess
import sys

import pytest
from mmengine.utils import import_modules_from_strings

from epropnp_det import plugin
from epropnp_det.errors import UserError

REGISTERED = {
    "MODELS": ["EProPnPDet", "FCOSEmbHead", "DeformPnPHead", "MonteCarloPoseLoss"],
    "TASK_UTILS": ["EProPnPDecoder"],
    "DATASETS": ["NuScenesMonoDataset"],
    "METRICS": ["NuScenesMonoMetric"],
}


def run_python(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_custom_imports_register_every_name():
    import mmdet3d.registry

    import_modules_from_strings(["epropnp_det"])
    for registry, names in REGISTERED.items():
        for name in names:
            assert name in getattr(mmdet3d.registry, registry), name


def test_layer_imports_nothing_of_openmmlab():
    run_python(
        "import sys, epropnp_det.pnp\n"
        "found = {'mmengine', 'mmcv', 'mmdet', 'mmdet3d'} & sys.modules.keys()\n"
        "assert not found, found"
    )


def test_shipped_configs_register_after_the_layer_was_imported_alone(repo_root):
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
