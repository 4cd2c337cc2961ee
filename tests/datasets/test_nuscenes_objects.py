import numpy as np
import pytest
from nuscenes.nuscenes import NuScenes

from epropnp_det.datasets.nuscenes_names import CLASSES
from epropnp_det.datasets.nuscenes_objects import FrameObjects


@pytest.fixture(scope="module")
def keyframe(keyframe_root) -> NuScenes:
    return NuScenes("v1.0-mini", str(keyframe_root), verbose=False)


def test_objects_are_the_devkits_boxes(keyframe):
    tokens = keyframe.sample[0]["anns"]
    objects = FrameObjects.of(keyframe, tokens)
    for i, token in enumerate(tokens):
        box = keyframe.get_box(token)
        assert np.array_equal(objects.object2global[i, :3, 3], box.center)
        assert np.array_equal(objects.object2global[i, :3, :3], box.rotation_matrix)
        assert np.array_equal(objects.sizes[i], box.wlh[[1, 0, 2]])
        assert objects.annotations[i]["token"] == token


def test_labels_attributes_and_velocities(fake_root):
    nusc = NuScenes("v1.0-mini", str(fake_root), verbose=False)
    objects = FrameObjects.of(nusc, nusc.sample[0]["anns"])
    names = [CLASSES[label] if label >= 0 else None for label in objects.labels]
    assert names == ["car", None, "pedestrian"]
    assert objects.attributes == [6, 8, 8]
    assert objects.velocities[0] == pytest.approx([2, 0])
    assert np.isnan(objects.velocities[1:]).all()
    quarter_turn = np.array([[0.0, 1, 0, 5], [0, 0, 1, 6], [1, 0, 0, 7], [0, 0, 0, 1]])
    assert objects.velocities_in(quarter_turn)[0] == pytest.approx([0, 0, 2])


def test_a_keyframe_without_objects(fake_root):
    nusc = NuScenes("v1.0-mini", str(fake_root), verbose=False)
    objects = FrameObjects.of(nusc, [])
    assert objects.object2global.shape == (0, 4, 4)
    assert objects.sizes.shape == objects.velocities_in(np.eye(4)).shape == (0, 3)
