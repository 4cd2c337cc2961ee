"""The density of rotations on a sphere, as implicit-PDF (arXiv 2106.05965) shows it.

A rotation is where the camera looks from, a point on a sphere around the object, and how the object
is turned in the image, a colour.
"""

from __future__ import annotations

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize, hsv_to_rgb
from matplotlib.projections.geo import MollweideAxes

from ..posterior import effective_size
from ..style import FAINT, HAIR, INK, THICK

ROWS = 90  # of the grid of directions, which has twice as many columns
_LEAST_BANDWIDTH = np.radians(2.5)  # that the sharpest density can be seen
_MOST_BANDWIDTH = np.radians(15.0)
_NEGLIGIBLE = 1e-3  # share of the largest weight that leaves no trace
_TINY = 1e-30
_MANY = 24  # circles beyond which they are drawn small
_VALUE = 0.9  # of the colours, so that yellow can be told from white


def view_directions(rotation: np.ndarray) -> np.ndarray:
    """Where the camera looks from: rotations (..., 3, 3) -> unit vectors (..., 3), model's frame.

    This is the direction against the optical axis.
    """
    return -rotation[..., 2, :]


def in_plane_angles(rotation: np.ndarray) -> np.ndarray:
    """How far the model's z axis is turned in the image from up, clockwise, radians.

    Args:
        rotation: (..., 3, 3).

    Returns:
        (...) from -pi to pi; without meaning where the camera looks along the z axis.
    """
    return np.arctan2(rotation[..., 0, 2], -rotation[..., 1, 2])


def direction_density(
    directions: np.ndarray, angles: np.ndarray, weight: np.ndarray, nodes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Density of the directions with a von Mises-Fisher kernel, and the angles there.

    The kernel's width follows Silverman's rule, within 2.5 and 15 degrees, from the spread about
    the samples' principal axis, which two opposite directions do not blow up.

    Args:
        directions: (K, 3) unit vectors.
        angles: (K,) radians.
        weight: (K,) which add up to 1, or all zero.
        nodes: (..., 3) unit vectors where to evaluate.

    Returns:
        The density (...) in 1 / steradian, zero where all weights are, and (...) complex: its
        argument is the mean angle there, its magnitude 1 where all samples there have that angle
        and 0 where they have all angles alike.
    """
    if not weight.any():
        return np.zeros(nodes.shape[:-1]), np.zeros(nodes.shape[:-1], complex)
    largest = np.linalg.eigvalsh((directions * weight[:, None]).T @ directions)[-1]
    width = np.sqrt(max(1 - largest, 0) / 2) * effective_size(weight) ** (-1 / 6)
    concentration = 1 / np.clip(width, _LEAST_BANDWIDTH, _MOST_BANDWIDTH) ** 2
    kept = weight > _NEGLIGIBLE * weight.max()
    weight, angles, toward = weight[kept], angles[kept], directions[kept].T
    # In single precision, since it is many numbers and only for the eye.
    kernel = np.exp(np.float32(concentration) * (nodes @ toward - 1).astype(np.float32))
    parts = weight * np.stack([np.ones_like(angles), np.cos(angles), np.sin(angles)])
    density, cosine, sine = np.moveaxis((kernel @ parts.T.astype(np.float32)).astype(float), -1, 0)
    scale = concentration / (2 * np.pi * -np.expm1(-2 * concentration))
    return density * scale, (cosine + 1j * sine) / np.maximum(density, _TINY)


def turn_colours(turning: np.ndarray) -> np.ndarray:
    """Colours (..., 3) of mean angles (...) complex: the angle's hue, grey where there is none."""
    hue = np.angle(turning) / (2 * np.pi) + 0.5
    parts = np.broadcast_arrays(hue, np.abs(turning).clip(max=1), _VALUE)
    return hsv_to_rgb(np.stack(parts, axis=-1))


def turn_scale() -> ScalarMappable:
    """The colours of angles, degrees clockwise from up."""
    angles = np.linspace(-np.pi, np.pi, 256)
    return ScalarMappable(Normalize(-180, 180), ListedColormap(turn_colours(np.exp(1j * angles))))


def draw_rotation_density(
    ax: MollweideAxes,
    rotations: np.ndarray,
    weight: np.ndarray,
    truth: np.ndarray | None = None,
) -> None:
    """Draw how probable each rotation is, on the map of an object's directions (Mollweide's).

    The model's z axis is up, its x axis in the middle. The colour's strength is the root of the
    density, relative to the largest; the colour tells how the model's z axis is turned in the
    image, and is grey where the samples do not agree on it.

    Args:
        ax: of matplotlib's projection ``mollweide``.
        rotations: (K, 3, 3) samples.
        weight: (K,) their weights, which add up to 1, or all zero.
        truth: (S, 3, 3) rotations that look like the true one: open circles.
    """
    longitude = np.linspace(-np.pi, np.pi, 2 * ROWS + 1)
    latitude = np.linspace(-np.pi / 2, np.pi / 2, ROWS + 1)
    middles = np.meshgrid(*(0.5 * (x[1:] + x[:-1]) for x in (longitude, latitude)))
    density, turning = direction_density(
        view_directions(rotations), in_plane_angles(rotations), weight, _on_sphere(*middles)
    )
    strength = np.sqrt(density / max(density.max(), 1e-12))[..., None]
    colours = 1 - strength * (1 - turn_colours(turning))
    ax.pcolormesh(longitude, latitude, colours, rasterized=True)
    if truth is not None and len(truth):
        size = 26.0 if len(truth) <= _MANY else 6.0
        place = _on_map(view_directions(truth))
        rim = turn_colours(np.exp(1j * in_plane_angles(truth)))
        ax.scatter(*place, s=size, fc="none", ec=INK, lw=2 * THICK)
        ax.scatter(*place, s=size, fc="none", ec=rim, lw=THICK)
    ax.set(xticks=np.radians(range(-120, 121, 60)), yticks=np.radians(range(-60, 61, 30)))
    ax.set(xticklabels=[], yticklabels=[])
    ax.grid(color=FAINT, lw=HAIR)
    ax.spines[:].set(color=FAINT, linewidth=HAIR)


def _on_sphere(longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """Unit vectors (..., 3)."""
    along = np.cos(latitude)
    parts = along * np.cos(longitude), along * np.sin(longitude), np.sin(latitude)
    return np.stack(parts, axis=-1)


def _on_map(directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude (...) of unit vectors (..., 3), radians."""
    x, y, z = np.moveaxis(directions, -1, 0)
    return np.arctan2(y, x), np.arcsin(z.clip(-1, 1))
