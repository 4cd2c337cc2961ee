"""Published names against the full-size networks of our configs, one to one."""

import pytest

from epropnp_det.zoo.convert import build_network
from epropnp_det.zoo.models import MODELS
from epropnp_det.zoo.names import our_name


@pytest.mark.parametrize("name", MODELS)
def test_names_and_shapes_are_those_of_the_full_network(name, published_shapes, repo_root):
    published, model = published_shapes(name), MODELS[name]
    kept = {key: shape for key, shape in published.items() if not key.startswith(model.dropped)}
    assert len(published) - len(kept) == (2 if name in ("no_reproj", "cdpn_stage_1") else 0)
    network = {
        key: value
        for key, value in build_network(repo_root / model.config).state_dict().items()
        if not key.startswith(model.absent)
    }
    assert len(network) == len(kept)
    assert {our_name(key): shape for key, shape in kept.items()} == {
        key: list(value.shape) for key, value in network.items()
    }
