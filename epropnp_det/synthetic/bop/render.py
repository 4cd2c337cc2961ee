"""Renders a shot: colour and depth, and which body is seen where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from .body import Body, Footprint, footprint
from .camera import Camera
from .frames import frame_about
from .pattern import srgb_bytes
from .shot import Light, Shot

# Rays to a light start that far off their surface, which would hide its own light else, metres.
LIFT = 1.5e-3
# The brightest share of an image, which may be overexposed.
BRIGHTEST = 0.03


@dataclass(frozen=True, eq=False)
class Picture:
    """What a camera sees, of B bodies and P planes.

    Attributes:
        light: (height, width, 3) float32, linear, what comes from each pixel.
        depth: (height, width) metres along the camera's axis.
        index: (height, width) number of the body, or minus that of the plane, counted from one.
        footprints: of every body; those of annotated ones reach over the image's border.
    """

    light: np.ndarray
    depth: np.ndarray
    index: np.ndarray
    footprints: tuple[Footprint, ...]


@dataclass(frozen=True, eq=False)
class _Patch:
    """N pixels that show one surface; values are float32, by coordinate or colour first.

    Attributes:
        pixels: (N,) which they are, counted row by row.
        points: (3, N) metres, in the camera's frame.
        normals: (3, N), or (3, 1) where the surface is flat, unit vectors.
        colours: (3, N) reflectance.
        gloss: strength and sharpness of highlights.
    """

    pixels: np.ndarray
    points: np.ndarray
    normals: np.ndarray
    colours: np.ndarray
    gloss: tuple[float, float]


def render(shot: Shot, camera: Camera) -> Picture:
    """What ideal optics would see, at the middle of each pixel."""
    rays = camera.rays(camera.image)
    depth = np.full(rays.shape[:2], np.inf)
    index = np.zeros(rays.shape[:2], np.int8)
    for number, plane in enumerate(shot.planes, 1):
        away = plane.depth(rays[0, :, 0], rays[:, 0, 1])
        nearer = away < depth
        depth[nearer], index[nearer] = away[nearer], -number
    footprints = tuple(
        footprint(body, camera, camera.canvas if body.number else camera.image)
        for body in shot.bodies
    )
    for number, seen in enumerate(footprints, 1):
        inside = seen.window.within(camera.image)
        place = camera.image.part(inside)
        own = seen.depth[seen.window.part(inside)]
        nearer = own < depth[place]
        depth[place][nearer], index[place][nearer] = own[nearer], number
    # Arithmetic on long rows is several times as fast as on many threes.
    points = np.moveaxis(rays, -1, 0) * depth.astype(np.float32)
    light = np.empty((3, depth.size), np.float32)
    for patch in _patches(shot, camera, points, index, footprints):
        light[:, patch.pixels] = _shade(patch, shot)
    image = np.moveaxis(light.reshape(points.shape), 0, -1)
    return Picture(np.ascontiguousarray(image), depth, index, footprints)


def photograph(light: np.ndarray, shot: Shot, clean: bool = False) -> np.ndarray:
    """The image that the shot's sensor makes of the light.

    Args:
        light: (height, width, 3) linear.
        shot: whose sensor, and seed of the noise.
        clean: without blur and noise.

    Returns:
        (height, width, 3) uint8, sRGB.
    """
    sensor = shot.sensor
    green = light[..., 1]
    bright = np.quantile(green[::4, ::4], 1 - BRIGHTEST)
    exposure = min(sensor.exposure / max(green.mean(), 1e-6), 1 / max(bright, 1e-6))
    image = light * (np.array(sensor.gains) * exposure).astype(np.float32)
    if not clean:
        image = cv2.GaussianBlur(image, (0, 0), sensor.blur)
        noise = np.random.default_rng(shot.noise_seed).standard_normal(image.shape, np.float32)
        shot_noise, read_noise = np.float32(sensor.shot_noise**2), np.float32(sensor.read_noise**2)
        noise *= np.sqrt(shot_noise * np.clip(image, 0, 1) + read_noise)
        image += noise
    return srgb_bytes(image)


def _patches(
    shot: Shot,
    camera: Camera,
    points: np.ndarray,
    index: np.ndarray,
    footprints: tuple[Footprint, ...],
) -> Iterator[_Patch]:
    """The surfaces that are seen; ``points`` are those of all pixels, (3, height, width)."""
    flat = points.reshape(3, -1)
    for number, plane in enumerate(shot.planes, 1):
        rows = np.flatnonzero((index == -number).any(1))
        if rows.size:
            # Whole rows, as OpenCV looks colours up in rectangles.
            band = np.s_[rows[0] : rows[-1] + 1]
            x, y = np.tensordot(plane.axes.astype(np.float32), points[:, band], 1)
            own = np.flatnonzero(index[band] == -number)
            colours = plane.texture.colours(x, y).reshape(3, -1)[:, own]
            pixels = own + rows[0] * camera.width
            normals = plane.normal[:, None].astype(np.float32)
            yield _Patch(pixels, flat[:, pixels], normals, colours, (0, 1))
    for number, (body, seen) in enumerate(zip(shot.bodies, footprints, strict=True), 1):
        inside = seen.window.within(camera.image)
        mask = index[camera.image.part(inside)] == number
        if mask.any():
            row, column = np.nonzero(mask)
            pixels = (row + inside.top) * camera.width + column + inside.left
            own = seen.window.part(inside)
            skin = _skin(body, seen.triangle[own][mask], seen.weights[own][mask])
            yield _Patch(pixels, flat[:, pixels], *skin, body.gloss)


def _skin(body: Body, triangles: np.ndarray, later: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Normals and colours of a body at N points of triangles, each (3, N) float32."""
    weights = np.column_stack([1 - later.sum(1), later])
    corners = body.shape.surface.faces[triangles]
    own = np.einsum("nk,nkc->cn", weights, body.shape.normals[corners])
    normals = _unit((body.rotation / body.scale).astype(np.float32) @ own)
    return normals, np.einsum("nk,nkc->cn", weights, body.colours[corners])


def _shade(patch: _Patch, shot: Shot) -> np.ndarray:
    """Light that leaves a patch for the camera, (3, N) float32: Blinn and Phong's model."""
    up, sky, floor = np.stack([shot.up, shot.sky, shot.floor]).astype(np.float32)
    above = 0.5 + 0.5 * (up @ patch.normals)
    received = floor[:, None] + above * (sky - floor)[:, None]
    highlights = np.zeros((3, 1), np.float32)
    strength, sharpness = np.float32(patch.gloss)
    for light in shot.lights:
        direction, colour = light.direction.astype(np.float32), light.colour.astype(np.float32)
        falling = np.maximum(direction @ patch.normals, 0)
        if not falling.any():
            continue
        if light.shadows:
            falling = falling * ~_shadowed(shot.bodies, light, patch)
        received = received + colour[:, None] * falling
        if strength:
            middle = _unit(direction[:, None] - _unit(patch.points))
            facing = np.maximum(np.einsum("cn,cn->n", middle, patch.normals), 0)
            shine = strength * facing**sharpness * (falling > 0)
            highlights = highlights + colour[:, None] * shine
    return patch.colours * received + highlights


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (3, N) over their lengths."""
    return vectors / np.sqrt(np.einsum("cn,cn->n", vectors, vectors))


def _shadowed(bodies: tuple[Body, ...], light: Light, patch: _Patch) -> np.ndarray:
    """To which of a patch's points something else hides the light, (N,)."""
    frame = frame_about(light.direction)
    x, y, height = frame.astype(np.float32) @ patch.points
    limits = [(axis.min(), axis.max()) for axis in (x, y, height)]
    shadowed = np.zeros(len(x), bool)
    for body in bodies:
        centre, radius = body.sphere
        a, b, c = frame @ centre
        beside = any(
            place + radius < low or place - radius > high
            for place, (low, high) in zip((a, b), limits, strict=False)
        )
        if beside or c + radius < limits[2][0]:
            continue
        near = (x - np.float32(a)) ** 2 + (y - np.float32(b)) ** 2 < radius**2
        near = np.flatnonzero(near & (height < c + radius) & ~shadowed)
        normals = np.broadcast_to(patch.normals, patch.points.shape)
        starts = patch.points[:, near] + LIFT * normals[:, near]
        shadowed[near] = body.hides(starts.T, light.direction)
    return shadowed
