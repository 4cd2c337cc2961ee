import json

import numpy as np
import pytest

from epropnp_det.errors import UserError
from epropnp_det.evaluation.bop import read_evaluated_models
from epropnp_det.evaluation.bop.models import model_folder


def test_models(bop_root):
    models = read_evaluated_models(bop_root / "models")
    assert list(models) == [1, 7]
    assert models[1].symmetric and not models[7].symmetric
    assert len(models[1].symmetries) == 2 and len(models[7].symmetries) == 1
    np.testing.assert_allclose(np.ptp(models[1].points.points, axis=0), [40, 60, 80], rtol=1e-6)
    assert models[7].diameter == pytest.approx(2 * 25 * np.sqrt(3))


def test_symmetric_ones_may_be_listed(bop_root):
    models = read_evaluated_models(bop_root / "models", [7, 1], symmetric=[7])
    assert list(models) == [7, 1]
    assert models[7].symmetric and not models[1].symmetric
    assert len(models[1].symmetries) == 2


def test_folders(own_root):
    assert model_folder(own_root).name == "models"
    (own_root / "models_eval").mkdir()
    assert model_folder(own_root).name == "models_eval"
    with pytest.raises(UserError, match="has no folder models_cad: unpack the models"):
        model_folder(own_root, "models_cad")


@pytest.mark.parametrize("arguments", [([1, 3], None), (None, [3])])
def test_unknown_objects(bop_root, arguments):
    with pytest.raises(UserError, match="has no object 3, which .* it has 1, 7"):
        read_evaluated_models(bop_root / "models", *arguments)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (dict(diameter=None), "not of BOP's form"),
        (dict(diameter=0.0866), "does not go with its model, which is 50 x 50 x 50: both must be"),
        (dict(diameter=-1), "diameter of object 7 is -1"),
        (dict(symmetries_discrete=[[1, 2]]), "not of BOP's form"),
        (dict(symmetries_continuous=[dict(axis=[0, 0, 1])]), "an entry without 'offset'"),
    ],
)
def test_wrong_entries(own_root, entry, said):
    path = own_root / "models/models_info.json"
    infos = json.loads(path.read_text())
    infos["7"] |= entry
    path.write_text(json.dumps(infos))
    with pytest.raises(UserError, match=said):
        read_evaluated_models(own_root / "models")


def test_a_missing_model(own_root):
    (own_root / "models/obj_000007.ply").unlink()
    with pytest.raises(UserError, match="obj_000007.ply cannot be read"):
        read_evaluated_models(own_root / "models")
    assert list(read_evaluated_models(own_root / "models", [1])) == [1]
