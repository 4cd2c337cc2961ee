import json

import numpy as np
import trimesh
from plyfile import PlyData

from epropnp_det.synthetic.bop.model_files import model_files, ply
from epropnp_det.synthetic.bop.models import object_models


def test_folders_hold_each_model_and_the_same_info():
    files = dict(model_files(object_models()))
    names = {f"obj_{i:06d}.ply" for i in range(1, 9)} | {"models_info.json"}
    assert set(files) == {
        f"{folder}/{name}" for folder in ("models", "models_eval") for name in names
    }
    assert files["models/models_info.json"] == files["models_eval/models_info.json"]


def test_info():
    files = dict(model_files(object_models()))
    info = json.loads(files["models/models_info.json"])
    for model in object_models():
        record = info[str(model.number)]
        vertices = 1000 * model.surface.vertices
        assert np.isclose(record["diameter"], 1000 * model.diameter())
        for i, axis in enumerate("xyz"):
            assert np.isclose(record[f"min_{axis}"], vertices[:, i].min())
            assert np.isclose(record[f"size_{axis}"], np.ptp(vertices[:, i]))
    assert info["5"]["symmetries_continuous"] == [{"axis": [0, 0, 1], "offset": [0, 0, 0]}]
    quarter = [0, -1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    assert info["8"]["symmetries_discrete"][0] == quarter
    assert [len(info[i].get("symmetries_discrete", ())) for i in "12345678"] == [
        0,
        0,
        0,
        1,
        0,
        0,
        0,
        3,
    ]
    assert not any("symmetries_continuous" in info[i] for i in "1234678")


def test_ply_is_read_by_others(tmp_path):
    model = object_models()[-1]
    path = tmp_path / "model.ply"
    path.write_bytes(ply(model.surface, model.colours))
    read = PlyData.read(str(path))
    assert [element.name for element in read.elements] == ["vertex", "face"]
    columns = {name: read["vertex"][name] for name in read["vertex"].data.dtype.names}
    np.testing.assert_allclose(columns["x"], 1000 * model.surface.vertices[:, 0], rtol=1e-6)
    np.testing.assert_allclose(columns["nz"], model.surface.normals[:, 2], atol=1e-6)
    np.testing.assert_array_equal(columns["green"], model.colours[:, 1])
    mesh = trimesh.load(str(path), process=False)
    np.testing.assert_array_equal(mesh.faces, model.surface.faces)
    assert mesh.is_watertight and mesh.volume > 0
    np.testing.assert_array_equal(mesh.visual.vertex_colors[:, :3], model.colours)
