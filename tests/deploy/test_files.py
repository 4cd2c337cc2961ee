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


def test_a_file_of_another_exporter(layer_file, runtime, tmp_path):
    model = onnx.load(layer_file)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "plain.onnx")
    said = said_of(tmp_path / "plain.onnx", runtime=runtime)
    assert "was not written by tools/export.py: export it anew" in said


def test_what_is_no_file_of_onnx(runtime, tmp_path):
    (tmp_path / "text.onnx").write_text("no model")
    said = said_of(tmp_path / "text.onnx", runtime=runtime)
    assert f"cannot be loaded by {runtime}" in said and "\n" not in said
    assert "does not exist: write it with tools/export.py" in said_of(tmp_path / "absent.onnx")


def test_half_a_file(layer_file, runtime, tmp_path):
    content = layer_file.read_bytes()
    (tmp_path / "half.onnx").write_bytes(content[: len(content) // 2])
    assert "write it anew with" in said_of(tmp_path / "half.onnx", DeployedLayer, runtime=runtime)


def test_unknown_and_missing_runtimes(layer_file, monkeypatch):
    assert "no runtime 'tensorrt': give onnxruntime or openvino" in said_of(
        layer_file, runtime="tensorrt"
    )
    monkeypatch.setattr("epropnp_det.deploy.runtimes.find_spec", lambda name: None)
    assert "onnxruntime is not installed: run `pip install onnxruntime`" in said_of(layer_file)
    assert "openvino is not installed" in said_of(layer_file, runtime="openvino")


def test_description_comes_back(exported):
    about = DeployedDetector(exported).description
    assert from_metadata(to_metadata(about), "here", DetectorDescription) == about
