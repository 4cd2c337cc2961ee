"""The index of published models beside the metafiles that MIM reads."""

import re
import shlex
from pathlib import Path

import pytest
import torch
import yaml

from epropnp_det.engine.checkpoint import check_checkpoint, check_fit
from epropnp_det.zoo.convert import build_network
from epropnp_det.zoo.download import sha256
from epropnp_det.zoo.models import DETECTORS, MODELS, Structure, structure_of
from epropnp_det.zoo.object_pose_models import POSE_MODELS, PoseStructure
from epropnp_det.zoo.published_model import PublishedModel


@pytest.fixture(scope="module")
def metafiles(repo_root: Path) -> dict[str, dict]:
    """Collections and models of the metafiles that the model index imports, by path."""
    paths = yaml.safe_load((repo_root / "model-index.yml").read_text())["Import"]
    return {path: yaml.safe_load((repo_root / path).read_text()) for path in paths}


@pytest.fixture(params=["epropnp_det", "epropnp_6dof"])
def published(request, metafiles: dict[str, dict]) -> tuple[dict, list[PublishedModel]]:
    """A metafile and the models that it lists; CDPN's first stage is none of ours."""
    models = DETECTORS if request.param == "epropnp_det" else POSE_MODELS[:-1]
    return metafiles[f"configs/{request.param}/metafile.yml"], list(models)


def test_each_published_model_has_an_entry_and_back(published):
    metafile, models = published
    assert [entry["Config"] for entry in metafile["Models"]] == [model.config for model in models]
    assert all(entry["Name"] == Path(entry["Config"]).stem for entry in metafile["Models"])


def test_entries_are_complete(metafiles, repo_root):
    collections = {c["Name"] for file in metafiles.values() for c in file["Collections"]}
    for model in (model for file in metafiles.values() for model in file["Models"]):
        assert model["In Collection"] in collections
        assert (repo_root / model["Config"]).is_file()
        for result in model.get("Results", []):
            assert result["Task"] in ("3D Object Detection", "6D Object Pose Estimation")
            assert all(0 < value < 1 for value in result["Metrics"].values())


def test_results_are_marked_as_published(published):
    for collection in published[0]["Collections"]:
        assert "not reproduced" in collection["Metadata"]["Results"]


def test_folders_are_those_of_the_metafile(published):
    metafile, models = published
    folders = {c["Name"]: c["Metadata"]["Weights Folders"] for c in metafile["Collections"]}
    for model, entry in zip(models, metafile["Models"], strict=True):
        assert [str(folder) for folder in model.folders] == folders[entry["In Collection"]]
        # MIM would take the page that shows a folder for the weights.
        assert "Weights" not in entry


def test_folder_config_and_conversion_are_those_of_the_page(repo_root):
    page = (repo_root / "docs/migration.md").read_text()
    urls = dict(re.findall(r"^\[([\w-]+)\]: (\S+)$", page, re.MULTILINE))
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| `(.*?)` \| `(.*?)` \|", page, re.MULTILINE)
    assert [name for name, *_ in rows] == list(MODELS)
    for name, folders, config, command in rows:
        model = MODELS[name]
        linked = [urls[label] for label in re.findall(r"\]\[([\w-]+)\]", folders)]
        assert linked == [folder.url for folder in model.folders]
        assert config == Path(model.config).name
        assert command == model.conversion(f"checkpoints/{name}.pth")
        assert all((folder.subfolder or "") in page for folder in model.folders)


def test_command_that_converts_is_one_for_a_shell():
    command = MODELS["v2"].conversion("my files/v2.pth", "it's.pth")
    assert shlex.split(command)[2:] == ["it's.pth", "my files/v2.pth", "--model", "v2"]


def test_shipped_weights_are_those_of_the_entry_and_fit_its_config(metafiles, repo_root):
    (model,) = metafiles["checkpoints/metafile.yml"]["Models"]
    weights = repo_root / model["Weights"]
    assert weights.stat().st_size < 10e6
    assert sha256(weights) == model["Metadata"]["SHA-256"]
    check_fit(build_network(repo_root / model["Config"]), check_checkpoint(weights), weights)


def test_structure_of_other_networks():
    assert Structure.of([]) is None
    assert Structure.of(["backbone.conv1.weight", "bbox_head.cls_emb"]) is None
    assert structure_of(["backbone.conv1.weight", "coordinate_head.features.0.weight"]) is None
    assert PoseStructure.of(["backbone.conv1.weight"]) is None


@pytest.mark.parametrize(
    ("weights", "models"), [("v1b", ["v1b_220411"]), ("v2", ["v2", "v2_trainval"])]
)
def test_structure_does_not_depend_on_size(weights, models, golden_dir):
    path = golden_dir / f"public_det_{weights}_weights.pth"
    structure = Structure.of(torch.load(path, weights_only=True)["state_dict"])
    assert [name for name, model in MODELS.items() if model.structure == structure] == models
