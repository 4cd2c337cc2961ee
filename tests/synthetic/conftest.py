import pytest
from nuscenes import NuScenes

from epropnp_det.synthetic import Settings, generate

SETTINGS = Settings(1, 2, 2, seed=3, image_size=(160, 96))


@pytest.fixture(scope="session")
def settings():
    return SETTINGS


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory):
    """One scene of two keyframes; read-only."""
    root = tmp_path_factory.mktemp("synthetic") / "data"
    assert generate(SETTINGS, root)
    return root


@pytest.fixture(scope="session")
def tiny_nusc(tiny_root):
    return NuScenes(SETTINGS.version, str(tiny_root), verbose=False)
