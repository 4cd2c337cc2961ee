from dataclasses import replace

import numpy as np
import pytest

from epropnp_det.datasets.box_projection import box_corners
from epropnp_det.synthetic import world as world_module
from epropnp_det.synthetic.raycast import cast, pixel_directions
from epropnp_det.synthetic.render import render
from epropnp_det.synthetic.rig import CAMERAS, LIDAR
from epropnp_det.synthetic.world import EgoPath, Thing, World

SIZE = (200, 112)
RED = (0.9, 0.01, 0.01)


@pytest.fixture
def all_red(monkeypatch):
    """Every part of every thing is red, so that its outline can be told from its colour."""
    shape = world_module.shape

    def red_shape(*arguments):
        mesh = shape(*arguments)
        return replace(mesh, colours=np.tile(RED, (len(mesh.faces), 1)))

    monkeypatch.setattr(world_module, "shape", red_shape)


def lone_thing(camera, distance=9.0):
    """A world with one red object straight before a camera at the camera's time."""
    road = np.array([[0.6, -0.8, 0, 900.0], [0.8, 0.6, 0, 700.0], [0, 0, 1, 0], [0, 0, 0, 1]])
    ego = EgoPath(road, -2.0, 9.0)
    time = 1 + camera.delay_us / 1e6
    pose = ego.pose(time) @ camera.to_ego
    ahead = pose[:2, 3] + distance * pose[:2, 2]
    yaw = float(np.arctan2(pose[1, 2], pose[0, 2]) + 2.5)
    thing = Thing("car", (3.0, 1.6, 1.5), tuple(ahead), yaw, (0.0, 0.0), RED)
    return World(road, ego, (thing,)), time


def red_pixels(world, time, pose, camera):
    image = render(world, time, pose, camera.intrinsic(SIZE), SIZE, seed=1).astype(int)
    return image[..., 0] > 2 * image[..., 1:].max(-1)


def extent(mask):
    v, u = np.nonzero(mask)
    return np.array([u.min(), v.min(), u.max() + 1, v.max() + 1])


def projected_extent(thing, time, pose, camera):
    vertices = thing.solid(time).mesh.moved(thing.box(time).pose).vertices
    return pixel_extent(vertices, pose, camera)


def pixel_extent(points, pose, camera):
    local = (points - pose[:3, 3]) @ pose[:3, :3] @ camera.intrinsic(SIZE).T
    pixels = local[:, :2] / local[:, 2:]
    return np.concatenate([pixels.min(0), pixels.max(0)])


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: camera.channel)
def test_rendered_object_lines_up_with_its_mesh_its_box_and_its_rays(camera, all_red):
    world, time = lone_thing(camera)
    pose = world.ego.pose(time) @ camera.to_ego
    mask = red_pixels(world, time, pose, camera)
    expected = projected_extent(world.things[0], time, pose, camera)
    np.testing.assert_allclose(extent(mask), expected, atol=1.0)
    box = world.things[0].box(time)
    corners = box_corners(box.pose[:3, 3], np.array(box.size), box.pose[:3, :3])
    around = pixel_extent(corners, pose, camera)
    assert (extent(mask)[:2] >= around[:2] - 1).all() and (extent(mask)[2:] <= around[2:] + 1).all()

    rays = pixel_directions(camera.intrinsic(SIZE), SIZE, pose[:3, :3])
    hits = cast(pose[:3, 3], rays, [world.things[0].solid(time)])
    hit = (hits.index == 0).reshape(mask.shape)
    assert (hit & mask).sum() / (hit | mask).sum() > 0.9


def test_the_lidars_ego_pose_in_place_of_the_cameras_is_seen(all_red):
    camera = next(c for c in CAMERAS if c.channel == "CAM_FRONT_LEFT")
    world, time = lone_thing(camera)
    pose = world.ego.pose(time) @ camera.to_ego
    found = extent(red_pixels(world, time, pose, camera))
    lidar_time = time - (camera.delay_us - LIDAR.delay_us) / 1e6
    swapped = world.ego.pose(lidar_time) @ camera.to_ego
    own = projected_extent(world.things[0], time, pose, camera)
    other = projected_extent(world.things[0], time, swapped, camera)
    assert np.abs(found - own).max() < 1.0
    assert np.abs(found - other).max() > 3.0


def test_rendering_repeats_and_shows_which_end_is_the_front():
    camera = CAMERAS[0]
    world, time = lone_thing(camera)
    pose = world.ego.pose(time) @ camera.to_ego
    intrinsic = camera.intrinsic(SIZE)
    image = render(world, time, pose, intrinsic, SIZE, seed=1)
    np.testing.assert_array_equal(image, render(world, time, pose, intrinsic, SIZE, seed=1))
    thing = world.things[0]
    turned = Thing(thing.name, thing.size, thing.start, thing.yaw + np.pi, (0.0, 0.0), RED)
    other = render(World(world.road, world.ego, (turned,)), time, pose, intrinsic, SIZE, seed=1)
    shown = red_pixels(world, time, pose, camera)
    assert shown.any()
    assert np.abs(image.astype(int) - other)[shown].mean() > 10
