import numpy as np
import pytest
import trimesh

from epropnp_det.datasets.bop.models import model_ids, read_mesh, read_models
from epropnp_det.errors import UserError


@pytest.mark.parametrize("obj_id", [1, 5])
def test_text_and_binary_models_in_metres(bop_root, obj_id):
    (model,) = read_models(bop_root / "models", [obj_id]).values()
    low = {1: [-0.04, -0.06, -0.03], 5: [-0.03, -0.035, -0.025]}[obj_id]
    high = {1: [0.05, 0.06, 0.035], 5: [0.03, 0.035, 0.025]}[obj_id]
    np.testing.assert_allclose(model.minima, low)
    np.testing.assert_allclose(model.half_size, np.abs(low), rtol=1e-6)
    np.testing.assert_allclose(model.diameter, np.linalg.norm(np.subtract(high, low)))
    np.testing.assert_allclose(model.mesh.vertices.max(axis=0), high, rtol=1e-6)
    assert model.mesh.faces.shape == (12, 3)
    corners = model.corners()
    np.testing.assert_allclose([corners.min(axis=0), corners.max(axis=0)], [low, high])
    assert (len(model.symmetries) > 1) == (obj_id == 5)


def test_meshes_are_left_alone_where_not_wanted(own_root):
    (own_root / "models" / "obj_000001.ply").unlink()
    assert read_models(own_root / "models", [1], with_meshes=False)[1].mesh is None
    with pytest.raises(UserError, match="obj_000001.ply cannot be read"):
        read_models(own_root / "models", [1])


def test_ids(bop_root, tmp_path):
    assert model_ids(bop_root / "models") == [1, 2, 5]
    with pytest.raises(UserError, match="models_info.json is missing"):
        model_ids(tmp_path)
    (tmp_path / "models_info.json").write_text("{}")
    with pytest.raises(UserError, match="has no model"):
        model_ids(tmp_path)


def test_unknown_object(bop_root):
    with pytest.raises(UserError, match="no object 3: it has 1, 2, 5"):
        read_models(bop_root / "models", [1, 3])


@pytest.mark.parametrize("encoding", ["ascii", "binary"])
@pytest.mark.parametrize("left", [0, 10, 100, 0.5, 0.9, 0.97])
def test_cut_models(tmp_path, encoding, left):
    content = trimesh.exchange.ply.export_ply(trimesh.creation.icosphere(1), encoding=encoding)
    path = tmp_path / "cut.ply"
    path.write_bytes(content[: left if left > 1 else int(left * len(content))])
    with pytest.raises(UserError, match="cut.ply is (cut short|not a whole PLY file)"):
        read_mesh(path)


def test_polygons_become_triangles_and_points_are_refused(tmp_path):
    head = "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\n"
    head += "property float z\n"
    points = "0 0 0\n0 1 0\n1 1 0\n1 0 0\n"
    faces = "element face 1\nproperty list uchar int vertex_indices\nend_header\n"
    path = tmp_path / "quad.ply"
    path.write_text(f"{head}{faces}{points}4 0 1 2 3\n")
    assert read_mesh(path).faces.shape == (2, 3)
    path.write_text(f"{head}end_header\n{points}")
    with pytest.raises(UserError, match="has no faces"):
        read_mesh(path)


def _scaled(factor):
    return lambda content: content["1"].update({k: v * factor for k, v in content["1"].items()})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_scaled(1e-3), "diameter of object 1 is 0.1.*convert models and poses to millimetres"),
        (_scaled(1e3), "no length in millimetres"),
        (_scaled(2), "differ by"),
        (lambda content: content["1"].update(diameter=900), "does not go with its size"),
        (lambda content: content["1"].update(min_z=0), "origin on the border"),
        (lambda content: content["1"].pop("min_y") and None, "without 'min_y'"),
    ],
)
def test_other_units_and_faults(own_root, edit_json, change, says):
    edit_json(own_root / "models" / "models_info.json", change)
    with pytest.raises(UserError, match=says):
        read_models(own_root / "models", [1])


def test_surface_in_metres(own_root):
    path = own_root / "models" / "obj_000001.ply"
    mesh = trimesh.load(path).apply_scale(1e-3)
    path.write_bytes(trimesh.exchange.ply.export_ply(mesh))
    with pytest.raises(UserError, match="is it in metres"):
        read_models(own_root / "models", [1])
