from itertools import combinations

import numpy as np
import pytest
from mmengine import Config

from epropnp_det.datasets.box_projection import box_corners
from epropnp_det.datasets.nuscenes_names import CLASSES
from epropnp_det.synthetic.world import SIZE_STATISTICS, build_world


@pytest.fixture(scope="module")
def world():
    return build_world(0, 0, 10.0)


def test_sizes_are_those_that_the_config_decodes_with(repo_root):
    path = repo_root / "configs/_base_/models/epropnp_det_v2.py"
    coder = Config.fromfile(path).model.bbox_head.dim_coder
    assert {
        name: (tuple(mean), tuple(std))
        for name, mean, std in zip(CLASSES, coder.means, coder.stds, strict=True)
    } == SIZE_STATISTICS


def test_all_ten_classes_in_plausible_sizes(world):
    assert {thing.name for thing in world.things} == set(SIZE_STATISTICS)
    for thing in world.things:
        mean, std = map(np.array, SIZE_STATISTICS[thing.name])
        length, width, height = thing.size
        assert (np.abs([length, height, width] - mean) <= 1.5 * std + 1e-9).all()


@pytest.mark.parametrize("time", [0.0, 4.0, 10.0])
def test_no_two_objects_overlap(world, time):
    to_road = np.linalg.inv(world.road)
    outlines = []
    for thing in world.things:
        pose = to_road @ thing.box(time).pose
        corners = box_corners(pose[:3, 3], np.array(thing.size), pose[:3, :3])
        assert corners[:, 2].min() == pytest.approx(0.02)
        outlines.append((corners[:, :2].min(0), corners[:, :2].max(0)))
    for (low, high), (other_low, other_high) in combinations(outlines, 2):
        assert (low >= other_high).any() or (other_low >= high).any()


def test_moving_objects_face_where_they_go(world):
    moving = [thing for thing in world.things if np.any(thing.velocity)]
    assert moving
    for thing in moving:
        forward = thing.box(0).pose[:2, 0]
        assert forward @ thing.velocity == pytest.approx(np.linalg.norm(thing.velocity))


def test_ego_car_heads_where_it_goes(world):
    for time in np.linspace(-0.05, 10, 7):
        pose = world.ego.pose(time)
        step = world.ego.pose(time + 1e-4)[:3, 3] - pose[:3, 3]
        np.testing.assert_allclose(pose[:3, 0], step / np.linalg.norm(step), atol=1e-3)
        np.testing.assert_allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-12)


def test_backdrop_is_further_from_the_road_than_any_thing(world):
    to_road = np.linalg.inv(world.road)

    def sides(things):
        boxes = [thing.box(0.0) for thing in things]
        poses = [to_road @ box.pose for box in boxes]
        corners = [
            box_corners(pose[:3, 3], np.array(box.size), pose[:3, :3])
            for pose, box in zip(poses, boxes, strict=True)
        ]
        return np.abs([points[:, 1] for points in corners])

    assert {thing.name for thing in world.backdrop} == {"building", "tree", "lamp"}
    assert sides(world.backdrop).min() > sides(world.things).max()


def test_streets_are_full_of_cars(world):
    names = [thing.name for thing in world.things]
    assert names.count("car") > len(names) / 4
    moving = [thing.moving for thing in world.things if thing.name == "car"]
    assert any(moving) and not all(moving)


def test_seed_and_scene_decide_the_world(world):
    assert build_world(0, 0, 10.0).things == world.things
    assert build_world(0, 1, 10.0).things != world.things
    assert build_world(0, 0, 10.0).weather == world.weather
    assert build_world(0, 1, 10.0).weather != world.weather
    assert build_world(1, 0, 10.0).things != world.things
