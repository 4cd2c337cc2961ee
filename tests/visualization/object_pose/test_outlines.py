"""Axes of poses on an image, and the models that outlines are drawn of."""

import numpy as np
import pytest
from bop_layout import write_bop
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from epropnp_det.errors import UserError
from epropnp_det.visualization import PosedObject
from epropnp_det.visualization.object_pose import draw_axes, draw_crop, drawable_models
from epropnp_det.visualization.object_pose.outlines import AXES


def segments(shown: PosedObject, **kwargs) -> dict[str, np.ndarray]:
    """End points of the axes by colour, pixels."""
    ax = Figure().add_subplot()
    draw_axes(ax, shown, **kwargs)
    (drawn,) = ax.collections
    colours = map(to_hex, drawn.get_color())
    return {c: s - 0.5 for c, s in zip(colours, drawn.get_segments(), strict=True)}


def test_axes_start_at_the_origin_and_point_along_the_model(pose_sample, box_model):
    shown = PosedObject.from_sample(pose_sample(), "duck", box_model)
    rotation, origin = shown.estimate.rotation[0], shown.estimate.translation[0]
    length = 0.4 * box_model.surface.diameter
    found = segments(shown)
    for i, colour in enumerate(AXES):
        for end, reach in zip(found[colour], (0, length), strict=True):
            point = shown.cam2img @ (origin + reach * rotation[:, i])
            np.testing.assert_allclose(end, point[:2] / point[2], atol=1e-6)


def test_axes_without_a_model_are_as_long_as_a_part_of_the_crop(pose_sample):
    shown = PosedObject.from_sample(pose_sample(), "duck")
    lengths = [np.linalg.norm(s[1] - s[0]) for s in segments(shown, truth=True).values()]
    assert 10 < max(lengths) < 96 / 2


def test_crop_is_seen_as_the_network_sees_it(pose_sample, box_model):
    ax = Figure().add_subplot()
    shown = PosedObject.from_sample(pose_sample(), "duck", box_model)
    draw_crop(ax, np.zeros((240, 320, 3), np.uint8), shown, "#ff9e00")
    assert ax.get_xlim() == (142.5, 238.5) and ax.get_ylim() == (156.5, 60.5)


def test_nothing_is_drawn_of_what_is_not_known(pose_sample):
    sample = pose_sample(pred_valid=False)
    del sample.gt_pose
    ax = Figure().add_subplot()
    for truth in (True, False):
        draw_axes(ax, PosedObject.from_sample(sample, "duck"), truth)
    assert not ax.collections


def test_models_that_have_a_file(tmp_path):
    folder = write_bop(tmp_path / "boxes") / "models"
    (folder / "obj_000002.ply").unlink()
    models = drawable_models(folder, (1, 2, 5))
    assert list(models) == [1, 5] and len(models[5].symmetries) == 2
    assert drawable_models(None, (1, 2)) == {}
    (folder / "obj_000001.ply").write_text("ply")
    with pytest.raises(UserError, match="not a whole PLY file"):
        drawable_models(folder, (1,))
