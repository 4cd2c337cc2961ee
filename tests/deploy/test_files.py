"""Files that are none, or of something else."""

import json

import onnx
import pytest

from epropnp_det.deploy import DeployedDetector, DeployedLayer, DetectorDescription
from epropnp_det.deploy.description import KEY, from_metadata, to_metadata
from epropnp_det.errors import UserError


@pytest.fixture
def described(layer_file, tmp_path):
    """Write the layer's file with other metadata."""

    def write(change):
        model = onnx.load(layer_file)
        (about,) = (each for each in model.metadata_props if each.key == KEY)
        content = json.loads(about.value)
        change(content)
        about.value = json.dumps(content)
        onnx.save(model, tmp_path / "changed.onnx")
        return tmp_path / "changed.onnx"

    return write


def said_of(path, kind=DeployedDetector, **settings):
    with pytest.raises(UserError) as error:
        kind(path, **settings)
    return str(error.value)


def test_a_file_of_something_else(layer_file, exported, runtime):
    said = said_of(layer_file, runtime=runtime)
    assert "model.onnx holds a layer, not a detector: name another file" in said
    assert "holds a detector, not a layer" in said_of(exported, DeployedLayer, runtime=runtime)


def test_a_file_of_another_version(described, runtime):
    path = described(lambda content: content.update(format=2))
    assert "is a file of format 2, and this release reads format 1" in said_of(path)


def test_a_file_that_lacks_a_part(described):
    path = described(lambda content: content.pop("num_points"))
    assert "does not tell what a layer has to" in said_of(path, DeployedLayer)


def test_what_is_none_of_ours_never_reaches_a_runtime(layer_file, runtime, tmp_path, monkeypatch):
    monkeypatch.setattr("epropnp_det.deploy.runtimes.RUNTIMES", {runtime: None})
    other = onnx.load(layer_file)
    del other.metadata_props[:]
    content = layer_file.read_bytes()
    files = {
        "text.onnx": b"no model",
        "empty.onnx": b"",
        "half.onnx": content[: len(content) // 2],
        "other.onnx": other.SerializeToString(),
    }
    for name, written in files.items():
        (tmp_path / name).write_bytes(written)
        said = said_of(tmp_path / name, DeployedLayer, runtime=runtime)
        assert f"{name} was not written by tools/export.py, or is cut short: write or" in said
    assert "does not exist: write it with tools/export.py" in said_of(tmp_path / "absent.onnx")


def test_what_a_runtime_cannot_run(layer_file, runtime, tmp_path):
    model = onnx.load(layer_file)
    model.graph.node[0].op_type = "Unheard"
    onnx.save(model, tmp_path / "strange.onnx")
    said = said_of(tmp_path / "strange.onnx", DeployedLayer, runtime=runtime)
    assert f"cannot be loaded by {runtime} (" in said and "\n" not in said


def test_unknown_and_missing_runtimes(layer_file, monkeypatch):
    assert "no runtime 'tensorrt': give onnxruntime or openvino" in said_of(
        layer_file, runtime="tensorrt"
    )
    monkeypatch.setattr("epropnp_det.deploy.runtimes.find_spec", lambda name: None)
    assert "onnxruntime is not installed: run `pip install onnxruntime`" in said_of(layer_file)
    assert "openvino is not installed" in said_of(layer_file, runtime="openvino")


def test_nothing_of_the_machine_that_wrote_it_is_in_a_file(exported, layer_file, repo_root):
    for path in (exported, layer_file):
        model = onnx.load(path)
        (about,) = model.metadata_props
        assert about.key == KEY and str(repo_root) not in about.value
        del model.metadata_props[:]
        content = model.SerializeToString()
        assert b"epropnp_det" not in content and str(repo_root).encode() not in content


def test_description_comes_back(exported):
    about = DeployedDetector(exported).description
    assert from_metadata(to_metadata(about), "here", DetectorDescription) == about
