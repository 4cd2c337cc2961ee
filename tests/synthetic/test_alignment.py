"""Images, LiDAR and boxes of a written dataset lie on each other though the ego car moves.

Each check is made with the camera's own ego pose, and must fail with the LiDAR's in its place.
Objects that move are left out: an annotation says where they were at the LiDAR's time.
"""

from functools import cached_property

import numpy as np
import pytest
from nuscenes import NuScenes
from nuscenes.utils.geometry_utils import points_in_box
from PIL import Image
from scipy.ndimage import distance_transform_edt

from epropnp_det.datasets.box_projection import box_corners, project_box
from epropnp_det.datasets.nuscenes_info import SensorPose
from epropnp_det.synthetic import Settings, generate
from epropnp_det.synthetic.plan import plan_scenes, token
from epropnp_det.synthetic.raycast import cast, pixel_directions

# Cameras that are mounted unlike the usual ones, so that a table that forgot it would show.
SETTINGS = Settings(1, 2, 2, 5, (320, 180), raise_cameras=0.5, pitch_cameras=2)
SIDEWAYS = ("CAM_FRONT_LEFT", "CAM_FRONT_RIGHT")
FEW_PIXELS = 20
REACH = 8  # columns to either side in which outlines are looked for
CLEAR = 2  # pixels beyond which nothing is off by chance


class Picture:
    """A camera's image of a keyframe: its file, its tables, and the world behind it.

    Attributes:
        own: pose of the camera by the tables.
        swapped: the same with the ego pose of the LiDAR.
    """

    def __init__(self, nusc, index, camera):
        self.nusc, self.sample, (self.scene,) = nusc, nusc.sample[index], plan_scenes(SETTINGS)
        self.token = self.sample["data"][camera.channel]
        lidar_token = self.sample["data"]["LIDAR_TOP"]
        self.cam2img = np.array(nusc.get_sample_data(self.token)[2])
        self.time = self.scene.keyframes[index].time(camera)
        self.own, self.lidar = (SensorPose.of(nusc, key) for key in (self.token, lidar_token))
        self.swapped = SensorPose(self.own.sensor2ego, self.lidar.ego2global)
        self.to_ego, self.channel = camera.to_ego, camera.channel

    def seen_from(self, camera_to_global):
        """What the camera's rays meet at the time of the image."""
        world = self.scene.world
        solids, backdrop = (
            [thing.solid(self.time) for thing in group] for group in (world.things, world.backdrop)
        )
        rays = pixel_directions(self.cam2img, SETTINGS.image_size, camera_to_global[:3, :3])
        return cast(camera_to_global[:3, 3], rays, solids, backdrop)

    @cached_property
    def hits(self):
        """What was rendered."""
        return self.seen_from(self.scene.world.ego.pose(self.time) @ self.to_ego)

    @cached_property
    def standing(self):
        """Devkit box and pixels (H, W) of each standing object, and whether it is all in view."""
        width, height = SETTINGS.image_size
        things = self.scene.world.things
        found = []
        for key in self.sample["anns"]:
            instance = self.nusc.get("sample_annotation", key)["instance_token"]
            (index,) = (
                i
                for i in range(len(things))
                if token(SETTINGS.seed, "instance", self.scene.number, i) == instance
            )
            visible, covered = self.hits.visible[index], self.hits.covered[index]
            if visible >= FEW_PIXELS and not any(things[index].velocity):
                pixels = (self.hits.index == index).reshape(height, width)
                found.append((self.nusc.get_box(key), pixels, visible > 0.95 * covered))
        return found


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    root = tmp_path_factory.mktemp("alignment") / "data"
    generate(SETTINGS, root)
    nusc = NuScenes(SETTINGS.version, str(root), verbose=False)
    return [Picture(nusc, index, camera) for index in range(2) for camera in SETTINGS.cameras]


@pytest.fixture(scope="module")
def sideways(pictures):
    """Of the cameras that fire long before the LiDAR and look across the way of the car."""
    return [picture for picture in pictures if picture.channel in SIDEWAYS]


def moved(points, transform):
    return points @ transform[:3, :3].T + transform[:3, 3]


def overhang(picture, pose, corners, pixels):
    """Pixels by which an object's pixels (H, W) reach out of its projected box; inf without one."""
    shown = project_box(moved(corners, pose.global2sensor), picture.cam2img, SETTINGS.image_size)
    if shown is None:
        return np.inf
    # The sight line of a pixel goes through its middle.
    v, u = np.argwhere(pixels).T + 0.5
    left, top, right, bottom = shown.bbox
    return max(left - u.min(), top - v.min(), u.max() - right, v.max() - bottom)


def overhangs(picture, pose):
    """The overhang of each standing object, whose box is the one that the tables have."""
    return [
        overhang(
            picture,
            pose,
            box_corners(box.center, box.wlh[[1, 0, 2]], box.rotation_matrix),
            pixels,
        )
        for box, pixels, _ in picture.standing
    ]


def lidar_gaps(picture, pose):
    """From each LiDAR point on an object all in view to that object's nearest pixel, pixels."""
    path = picture.nusc.get_sample_data_path(picture.sample["data"]["LIDAR_TOP"])
    points = np.fromfile(path, np.float32).reshape(-1, 5)[:, :3]
    points = moved(points, picture.lidar.ego2global @ picture.lidar.sensor2ego)
    found = []
    for box, pixels, whole in picture.standing:
        local = moved(points[points_in_box(box, points.T)], pose.global2sensor)
        local = local[(local[:, 2] > 0) & whole] @ picture.cam2img.T
        u, v = np.floor(local[:, :2] / local[:, 2:]).astype(int).T
        inside = (u >= 0) & (u < pixels.shape[1]) & (v >= 0) & (v < pixels.shape[0])
        found += distance_transform_edt(~pixels)[v[inside], u[inside]].tolist()
    return found


def outline_shift(picture, pose):
    """Columns by which the objects' outlines in the image file are off where the pose has them."""
    width, height = SETTINGS.image_size
    thing = picture.seen_from(pose.ego2global @ pose.sensor2ego).index.reshape(height, width)
    outline = (thing[:, 1:] != thing[:, :-1]) & (np.maximum(thing[:, 1:], thing[:, :-1]) >= 0)
    outline[:, :REACH] = outline[:, -REACH:] = False
    image = Image.open(picture.nusc.get_sample_data_path(picture.token)).convert("L")
    steps = np.abs(np.diff(np.asarray(image, float), axis=1))
    shifts = range(-REACH, REACH + 1)
    return max(shifts, key=lambda shift: np.roll(steps, -shift, axis=1)[outline].mean())


def gather(measure, pictures, pose):
    return np.array([x for picture in pictures for x in measure(picture, getattr(picture, pose))])


def test_projected_boxes_enclose_the_pixels_of_their_objects(pictures, sideways):
    own = gather(overhangs, pictures, "own")
    assert len(own) > 10 and own.max() < 0.1
    swapped = gather(overhangs, sideways, "swapped")
    assert swapped[np.isfinite(swapped)].max() > CLEAR


def test_box_of_every_object_at_the_time_of_the_image_encloses_its_pixels(pictures):
    width, height = SETTINGS.image_size
    found, seen = [], set()
    for picture in pictures:
        things = picture.scene.world.things
        for index in np.flatnonzero(picture.hits.visible):
            box = things[index].box(picture.time)
            corners = box_corners(box.pose[:3, 3], np.array(box.size), box.pose[:3, :3])
            pixels = (picture.hits.index == index).reshape(height, width)
            found.append(overhang(picture, picture.own, corners, pixels))
            seen.add(index)
    assert max(found) < 0.1
    assert len(seen) > 30 and any(things[index].moving for index in seen)


def test_lidar_points_fall_on_the_pixels_of_their_objects(pictures, sideways):
    own = gather(lidar_gaps, pictures, "own")
    assert len(own) > 100 and (own > CLEAR).mean() < 0.005
    assert (gather(lidar_gaps, sideways, "swapped") > CLEAR).mean() > 0.01


def test_outlines_are_where_the_image_changes(sideways):
    own = [outline_shift(picture, picture.own) for picture in sideways]
    swapped = [outline_shift(picture, picture.swapped) for picture in sideways]
    assert np.abs(own).max() <= 1
    assert np.median(np.abs(swapped)) > CLEAR
