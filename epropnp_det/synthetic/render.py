"""Camera images by Mitsuba: the simulated world in the direct light of sun and sky."""

from collections.abc import Sequence

import drjit as dr
import mitsuba as mi
import numpy as np

from .mesh import Mesh, join
from .street import ground
from .world import World

mi.set_variant("scalar_rgb")
# Images are shared out among processes; threads in each would wait for one another.
dr.set_thread_count(1)

SAMPLES_PER_PIXEL = 4
FAR = 900.0
SKY_SCALE = 2.6
AMBIENT = 0.18  # radiance of what has reflectance one, in place of light that bounced
SUN = (2.6, 2.4, 2.1)  # irradiance


def render(
    world: World,
    time: float,
    camera_to_global: np.ndarray,
    intrinsic: np.ndarray,
    image_size: tuple[int, int],
    seed: int,
) -> np.ndarray:
    """Render one image; the same arguments give the same pixels.

    Args:
        world: the scene.
        time: seconds in the scene.
        camera_to_global: (4, 4), camera x right, y down, z forward.
        intrinsic: (3, 3) camera matrix with square pixels.
        image_size: (width, height) in pixels.
        seed: of the sampling noise.

    Returns:
        (height, width, 3) uint8, sRGB.
    """
    # Mitsuba's scalar variant is single precision: keep coordinates small.
    local = np.eye(4)
    local[:2, 3] = -camera_to_global[:2, 3]
    solids = [thing.solid(time) for thing in (*world.things, *world.backdrop)]
    scenery = ground(world.length).moved(world.road)
    mesh = join([scenery, *(solid.mesh.moved(solid.pose) for solid in solids)]).moved(local)
    scene = {
        "type": "scene",
        "integrator": {"type": "direct"},
        **_light(world),
        "camera": _camera(local @ camera_to_global, intrinsic, image_size),
        "mesh": _mesh(mesh),
    }
    image = mi.render(mi.load_dict(scene, parallel=False), seed=seed)
    srgb = mi.Bitmap(image).convert(mi.Bitmap.PixelFormat.RGB, mi.Struct.Type.UInt8, True)
    return np.array(srgb)


def _camera(pose: np.ndarray, intrinsic: np.ndarray, image_size: tuple[int, int]) -> dict:
    width, height = image_size
    return {
        "type": "perspective",
        # Mitsuba's camera looks along z with x left and y up.
        "to_world": mi.ScalarTransform4f(pose @ np.diag([-1.0, -1.0, 1.0, 1.0])),
        "fov_axis": "x",
        "fov": float(np.rad2deg(2 * np.arctan2(width / 2, intrinsic[0, 0]))),
        "principal_point_offset_x": float(0.5 - intrinsic[0, 2] / width),
        "principal_point_offset_y": float(0.5 - intrinsic[1, 2] / height),
        "near_clip": 0.05,
        "far_clip": FAR,
        "film": {
            "type": "hdrfilm",
            "width": width,
            "height": height,
            "pixel_format": "rgb",
            # A wider filter would add up neighbouring blocks in the order in which threads end.
            "rfilter": {"type": "box"},
        },
        "sampler": {"type": "stratified", "sample_count": SAMPLES_PER_PIXEL},
    }


def _light(world: World) -> dict:
    weather = world.weather
    flat = np.cos(weather.elevation)
    to_sun = world.road[:3, :3] @ (
        flat * np.cos(weather.azimuth),
        flat * np.sin(weather.azimuth),
        np.sin(weather.elevation),
    )
    return {
        "sky": {
            "type": "sunsky",
            "sun_direction": to_sun.tolist(),
            "turbidity": weather.turbidity,
            "sky_scale": SKY_SCALE,
            "sun_scale": 0.0,
            # Light rays go to the sun alone; the sky is met by rays that leave as light is
            # scattered, which is far less noisy than to choose between the two.
            "sampling_weight": 0.0,
        },
        "sun": {"type": "directional", "direction": (-to_sun).tolist(), "irradiance": _rgb(SUN)},
    }


def _mesh(mesh: Mesh) -> mi.Mesh:
    properties = mi.Properties()
    colour = {"type": "mesh_attribute", "name": "face_color"}
    properties["bsdf"] = mi.load_dict({"type": "diffuse", "reflectance": colour})
    glow = {"type": "mesh_attribute", "name": "face_glow"}
    properties["emitter"] = mi.load_dict({"type": "area", "radiance": glow, "sampling_weight": 0.0})
    result = mi.Mesh("world", len(mesh.vertices), len(mesh.faces), props=properties)
    result.add_attribute("face_color", 3, mesh.colours.astype(np.float32).ravel())
    result.add_attribute("face_glow", 3, (AMBIENT * mesh.colours).astype(np.float32).ravel())
    parameters = mi.traverse(result)
    parameters["vertex_positions"] = mesh.vertices.astype(np.float32).ravel()
    parameters["faces"] = mesh.faces.astype(np.uint32).ravel()
    parameters.update()
    return result


def _rgb(colour: Sequence[float]) -> dict:
    return {"type": "rgb", "value": [float(value) for value in colour]}
