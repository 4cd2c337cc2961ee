import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist
from scipy.spatial.transform import Rotation

from epropnp_det.synthetic.bop.models import STEP, object_models

NAMES = ["mug", "bracket", "animal", "carton", "vase", "plate", "stick", "knob"]
SYMMETRIC = {"carton": 2, "knob": 4}


def turn(degrees):
    return Rotation.from_euler("z", degrees, degrees=True).as_matrix()


def colour_change(model, rotation):
    """Mean difference, 0 to 255, between the colours of a vertex and of where it is turned to."""
    distance, nearest = cKDTree(model.surface.vertices).query(model.surface.vertices @ rotation.T)
    change = np.abs(model.colours[nearest].astype(int) - model.colours).mean(1)
    return change[distance < STEP].mean(), (distance < STEP).mean()


def test_names_numbers_and_sizes():
    assert [model.name for model in object_models()] == NAMES
    assert [model.number for model in object_models()] == list(range(1, len(NAMES) + 1))
    for model in object_models():
        least, most = model.bounds()
        np.testing.assert_allclose(least, -most, atol=1e-12)
        assert 0.05 <= model.diameter() <= 0.25
        assert np.abs(model.solid(model.surface.vertices)).max() < 1e-6
        assert np.abs(model.solid(model.evaluation.vertices)).max() < 1e-6


def test_plate_is_flat_and_stick_is_long():
    sizes = {model.name: np.sort(2 * model.bounds()[1]) for model in object_models()}
    assert sizes["plate"][0] < 0.1 * sizes["plate"][1]
    assert sizes["stick"][1] < 0.2 * sizes["stick"][2]


def test_diameter_is_the_greatest_distance():
    for model in object_models():
        if len(model.surface.vertices) < 5000:
            assert model.diameter() == pytest.approx(pdist(model.surface.vertices).max())


@pytest.mark.parametrize("number", range(1, len(NAMES) + 1))
def test_a_model_looks_the_same_after_its_symmetries_and_after_no_other_turn(number):
    model = object_models()[number - 1]
    folds = SYMMETRIC.get(model.name, 1)
    angles = np.arange(1, folds) * 360 / folds
    discrete = model.symmetry.discrete()
    assert model.symmetry.continuous == (model.name == "vase")
    assert len(discrete) == len(angles)
    for pose, angle in zip(discrete, angles, strict=True):
        np.testing.assert_allclose(pose[:3, :3], turn(angle), atol=1e-12)
        np.testing.assert_array_equal(
            pose[[0, 1, 2, 3, 3, 3, 3], [3, 3, 3, 3, 0, 1, 2]], [0, 0, 0, 1, 0, 0, 0]
        )
    same = (10, 77, 123, 180) if model.symmetry.continuous else angles
    for angle in same:
        assert np.abs(model.solid(model.surface.vertices @ turn(angle).T)).max() < 1e-6
        change, met = colour_change(model, turn(angle))
        # Colours of neighbours differ a little.
        assert change < 6 and met == 1
    for angle in {45, 90, 120, 180} - set(same):
        change, met = colour_change(model, turn(angle))
        assert model.symmetry.continuous or met < 0.7 or change > 20


def test_colours_are_many_and_smooth():
    for model in object_models():
        spread = model.colours.astype(float).std(0).mean()
        one, two = model.colours[model.surface.faces[:, :2]].astype(float).swapaxes(0, 1)
        assert spread > 25
        assert np.abs(one - two).mean() < 0.4 * spread
