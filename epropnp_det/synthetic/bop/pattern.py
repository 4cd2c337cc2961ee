"""Colours that vary smoothly over space, and over planes; linear RGB reflectance."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

WAVES = 24
NOISE_SIZE = 256
OCTAVES = 3
GRAIN = 6  # pixels of the image of noise that the coarsest octave spans per unit
TILING = np.float32(0.7)  # how much of another colour every other tile takes on


@dataclass(frozen=True, eq=False)
class Pattern:
    """Patches of some colours, cut out of a random sum of waves.

    Attributes:
        waves: (W, 3) wave vectors, radians per metre.
        phases: (W,) radians.
        palette: (K, 3) colours from the troughs to the crests.
        softness: share of a band between two colours over which they blend, 0 to 1.
    """

    waves: np.ndarray
    phases: np.ndarray
    palette: np.ndarray
    softness: float

    @classmethod
    def draw(
        cls, rng: np.random.Generator, wavelength: float, colours: int, softness: float = 0.5
    ) -> Pattern:
        """A random pattern with patches about half as wide as ``wavelength``, metres."""
        directions = rng.normal(size=(WAVES, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        lengths = wavelength * rng.uniform(0.7, 1.6, (WAVES, 1))
        waves = 2 * np.pi * directions / lengths
        phases = rng.uniform(0, 2 * np.pi, WAVES)
        return cls(waves, phases, draw_palette(rng, colours), softness)

    def field(self, points: np.ndarray) -> np.ndarray:
        """The sum of waves at points (N, 3), of variance one, (N,) float32."""
        angles = points.astype(np.float32) @ self.waves.T.astype(np.float32)
        waves = np.cos(angles + self.phases.astype(np.float32))
        return waves.sum(1) * np.float32(np.sqrt(2 / len(self.phases)))

    def colours(self, field: np.ndarray) -> np.ndarray:
        """What values of the field (N,) are coloured, (N, 3)."""
        # The logistic function is close to the normal distribution: all colours cover as much.
        place = len(self.palette) / (1 + np.exp(-1.7 * field)) - 0.5
        place = np.clip(place, 0, len(self.palette) - 1)
        band = np.minimum(place.astype(int), len(self.palette) - 2)
        blend = np.clip((place - band - 0.5) / max(self.softness, 1e-3) + 0.5, 0, 1)[:, None]
        return self.palette[band] * (1 - blend) + self.palette[band + 1] * blend


def draw_palette(rng: np.random.Generator, colours: int) -> np.ndarray:
    """At least two colours that are well apart in hue and brightness, (K, 3)."""
    hues = (rng.uniform() + np.arange(colours) / colours + rng.uniform(-0.08, 0.08, colours)) % 1
    saturations = rng.uniform(0.35, 0.95, colours)
    values = rng.permutation(np.linspace(0.2, 0.9, colours)) * rng.uniform(0.8, 1.1, colours)
    srgb = [
        colorsys.hsv_to_rgb(*hsv)
        for hsv in zip(hues, saturations, np.minimum(values, 1), strict=True)
    ]
    return linear(np.array(rng.permutation(srgb)))


def linear(srgb: np.ndarray) -> np.ndarray:
    """Linear values of sRGB values, both 0 to 1 (IEC 61966-2-1)."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def srgb_bytes(values: np.ndarray) -> np.ndarray:
    """sRGB as uint8 of linear values, which are clipped to 0 and 1."""
    steps = 4095
    return _srgb_table(steps)[(np.clip(values, 0, 1) * np.float32(steps) + 0.5).astype(np.uint16)]


@lru_cache(maxsize=1)
def _srgb_table(steps: int) -> np.ndarray:
    values = np.arange(steps + 1) / steps
    srgb = np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)
    return np.round(srgb * 255).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class PlaneTexture:
    """The look of a table or a wall: mottled, grained like wood, or tiled.

    Attributes:
        palette: (3, 3) two colours that mix, and the third, of every other tile.
        stretch: (2,) size of the mottles along two axes of the plane, metres.
        turn: angle by which those axes are turned, radians.
        shift: (2,) metres.
        contrast: how sharply the two colours part.
        tile: side of a tile, metres; 0 without.
    """

    palette: np.ndarray
    stretch: np.ndarray
    turn: float
    shift: np.ndarray
    contrast: float
    tile: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> PlaneTexture:
        """A random one; one in three is tiled, and one in three nearly plain."""
        base = rng.uniform(0.02, 0.7) * rng.uniform(0.7, 1.3, (1, 3))
        palette = np.concatenate([base, draw_palette(rng, 2)])
        plain = rng.uniform() < 1 / 3
        if plain:
            palette[1:] = base * rng.uniform(0.5, 1.5, (2, 1))
        return cls(
            np.clip(palette, 0.01, 0.9),
            rng.uniform(0.03, 0.25) * np.array([1, rng.choice([1, 1, 0.15])]),
            rng.uniform(0, 2 * np.pi),
            rng.uniform(-1, 1, 2),
            rng.uniform(0.5, 4),
            rng.uniform(0.03, 0.2) if rng.uniform() < 1 / 3 else 0,
        )

    def colours(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Colours at places of the plane, (H, W) float32 metres each: (3, H, W) float32."""
        cos, sin = np.float32(np.cos(self.turn)), np.float32(np.sin(self.turn))
        shift, stretch = self.shift.astype(np.float32), self.stretch.astype(np.float32)
        x, y = cos * x + sin * y + shift[0], cos * y - sin * x + shift[1]
        mottles = _noise(x / stretch[0], y / stretch[1])
        share = 1 / (1 + np.exp(np.float32(-self.contrast) * mottles))
        one, two, other = self.palette.astype(np.float32)[..., None, None]
        mixed = one + share * (two - one)
        if self.tile:
            tile = np.float32(self.tile)
            odd = _remainder(np.floor(x / tile) + np.floor(y / tile), 2)
            mixed += TILING * odd * (other - mixed)
        return mixed


def _noise(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Smooth noise of variance about one and scale one at places (H, W) each, float32."""
    total = np.zeros_like(x)
    for octave in range(OCTAVES):
        scale = np.float32(GRAIN * 2**octave)
        places = (_remainder(axis * scale, NOISE_SIZE) for axis in (x, y))
        total += np.float32(0.5**octave) * cv2.remap(_noise_image(), *places, cv2.INTER_LINEAR)
    return total


def _remainder(values: np.ndarray, period: int) -> np.ndarray:
    """What `numpy.remainder` gives, in a tenth of its time."""
    period = np.float32(period)
    return values - period * np.floor(values / period)


@lru_cache(maxsize=1)
def _noise_image() -> np.ndarray:
    """Noise of variance one whose last row and column are the first again."""
    white = np.random.default_rng(0).normal(size=(NOISE_SIZE, NOISE_SIZE)).astype(np.float32)
    tiled = cv2.GaussianBlur(np.tile(white, (3, 3)), (0, 0), 2.5)
    once = slice(NOISE_SIZE, 2 * NOISE_SIZE + 1)
    image = tiled[once, once]
    return np.ascontiguousarray(image / image.std())
