"""The index of published models beside the metafiles that MIM reads."""

from pathlib import Path

import pytest
import torch
import yaml

from epropnp_det.zoo.models import MODELS, Structure


@pytest.fixture(scope="module")
def metafile(repo_root: Path) -> dict:
    """Collections and models of all metafiles that the model index imports."""
    found = dict(Collections=[], Models=[])
    for path in yaml.safe_load((repo_root / "model-index.yml").read_text())["Import"]:
        for kind, entries in yaml.safe_load((repo_root / path).read_text()).items():
            found[kind] += entries
    return found


def test_each_model_has_an_entry_and_back(metafile):
    assert [model["Config"] for model in metafile["Models"]] == [m.config for m in MODELS.values()]


def test_entries_are_complete(metafile, repo_root):
    collections = {collection["Name"] for collection in metafile["Collections"]}
    for model in metafile["Models"]:
        assert model["In Collection"] in collections
        assert model["Name"] == Path(model["Config"]).stem
        assert (repo_root / model["Config"]).is_file()
        for result in model.get("Results", []):
            assert result["Task"] == "3D Object Detection"
            assert all(0 < value < 1 for value in result["Metrics"].values())


def test_results_are_marked_as_published(metafile):
    for collection in metafile["Collections"]:
        assert "not reproduced" in collection["Metadata"]["Results"]


def test_structure_of_other_networks():
    assert Structure.of([]) is None
    assert Structure.of(["backbone.conv1.weight", "bbox_head.cls_emb"]) is None


@pytest.mark.parametrize(
    ("weights", "models"), [("v1b", ["v1b_220411"]), ("v2", ["v2", "v2_trainval"])]
)
def test_structure_does_not_depend_on_size(weights, models, golden_dir):
    path = golden_dir / f"public_det_{weights}_weights.pth"
    structure = Structure.of(torch.load(path, weights_only=True)["state_dict"])
    assert [name for name, model in MODELS.items() if model.structure == structure] == models
