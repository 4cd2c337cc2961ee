"""Cars, trucks, buses, trailers and construction vehicles, each as wide, long and high as asked.

Every function returns the parts of a vehicle of ``size`` (length, width, height) in metres that
stands on z = 0 about the origin and touches all six faces of its box. White lamps are ahead, red
ones behind.
"""

from __future__ import annotations

from collections.abc import Iterator

from .mesh import Colour, Mesh, box, frustum, prism, wheel

GLASS = (0.03, 0.04, 0.05)
TYRE = (0.015, 0.015, 0.016)
RIM = (0.45, 0.45, 0.47)
CHASSIS = (0.04, 0.04, 0.045)
HEADLIGHT = (0.95, 0.95, 0.90)
TAILLIGHT = (0.75, 0.01, 0.01)
PLATE = (0.85, 0.85, 0.80)
Size = tuple[float, float, float]


def car(size: Size, paint: Colour, accent: Colour) -> Iterator[Mesh]:
    """A saloon or, where it is high for its length, an estate; ``accent`` is its bumpers'."""
    length, width, height = size
    nose, side = length / 2, width / 2
    estate = height > 0.38 * length
    sill, belt = 0.17 * height, 0.56 * height
    profile = [
        (-0.495 * length, sill),
        (0.495 * length, sill),
        (0.495 * length, 0.42 * height),
        (0.24 * length, belt),
        (-0.46 * length, belt),
        (-0.495 * length, 0.48 * height),
    ]
    yield prism(profile, (-0.475 * width, 0.475 * width), paint)
    rear, roof_rear = (-0.47, -0.43) if estate else (-0.42, -0.27)
    base = (rear * length, 0.24 * length, -0.465 * width, 0.465 * width)
    eaves = (roof_rear * length, 0.06 * length, -0.38 * width, 0.38 * width)
    yield frustum(base, eaves, (belt, 0.95 * height), GLASS)
    yield box(eaves[:2], eaves[2:], (0.95 * height, height), paint)
    for pillar in (-0.03, 0.5 * (rear + roof_rear) + 0.04):
        span = ((pillar - 0.015) * length, (pillar + 0.015) * length)
        low = (*span, -0.468 * width, 0.468 * width)
        yield frustum(low, (*span, -0.385 * width, 0.385 * width), (belt, 0.95 * height), paint)
    for end in (-1, 1):
        inner, outer = sorted((end * 0.48 * length, end * nose))
        yield box((inner, outer), (-0.46 * width, 0.46 * width), (sill, 0.32 * height), accent)
    yield from _lamps(nose, (0.25 * width, 0.45 * width), (0.37 * height, 0.47 * height))
    yield box(
        (-nose, -0.49 * length),
        (-0.13 * width, 0.13 * width),
        (0.36 * height, 0.44 * height),
        PLATE,
    )
    yield from _pairs(
        0.15 * length, 0.17 * length, (0.46 * width, side), (0.55 * height, 0.62 * height), paint
    )
    radius = min(0.2 * height, 0.09 * length)
    yield from _axles((-0.3 * length, 0.3 * length), radius, side)


def truck(size: Size, paint: Colour, accent: Colour) -> Iterator[Mesh]:
    """A cab of colour ``paint`` before a cargo box of colour ``accent``."""
    length, width, height = size
    nose, side = length / 2, width / 2
    cab = nose - min(0.32 * length, 2.3)
    floor = 0.24 * height
    yield box(
        (-0.495 * length, nose - 0.2), (-0.4 * width, 0.4 * width), (0.13 * height, floor), CHASSIS
    )
    yield box((-nose, cab - 0.15), (-side, side), (floor, height), accent)
    roof, belt = 0.82 * height, 0.5 * height
    profile = [
        (cab, 0.16 * height),
        (nose - 0.04, 0.16 * height),
        (nose - 0.04, belt),
        (nose - 0.25, roof),
        (cab, roof),
    ]
    yield prism(profile, (-0.46 * width, 0.46 * width), paint)
    screen = [
        (nose - 0.035, belt),
        (nose - 0.02, belt),
        (nose - 0.20, 0.95 * roof),
        (nose - 0.26, 0.95 * roof),
    ]
    yield prism(screen, (-0.41 * width, 0.41 * width), GLASS)
    yield from _pairs(
        cab + 0.25 * (nose - cab),
        nose - 0.32,
        (0.45 * width, 0.465 * width),
        (belt, 0.93 * roof),
        GLASS,
    )
    yield box(
        (nose - 0.2, nose), (-0.47 * width, 0.47 * width), (0.12 * height, 0.22 * height), CHASSIS
    )
    yield from _lamps(nose, (0.27 * width, 0.43 * width), (0.24 * height, 0.31 * height))
    radius = min(0.5, 0.17 * height, 0.09 * length)
    yield from _axles((-0.3 * length, cab + 0.5 * (nose - cab)), radius, 0.48 * width)


def bus(size: Size, paint: Colour, accent: Colour) -> Iterator[Mesh]:
    """One long body with a row of windows; ``accent`` is the band below them."""
    length, width, height = size
    nose, side = length / 2, width / 2
    yield box(
        (-nose + 0.03, nose - 0.03), (-0.49 * width, 0.49 * width), (0.1 * height, height), paint
    )
    yield box(
        (-nose + 0.02, nose - 0.02),
        (-0.494 * width, 0.494 * width),
        (0.3 * height, 0.4 * height),
        accent,
    )
    count = max(3, round(length / 1.8))
    step = 0.94 * length / count
    for i in range(count):
        start = -0.47 * length + i * step
        yield box(
            (start, start + 0.86 * step),
            (-0.495 * width, 0.495 * width),
            (0.46 * height, 0.8 * height),
            GLASS,
        )
    yield box(
        (nose - 0.1, nose), (-0.45 * width, 0.45 * width), (0.38 * height, 0.82 * height), GLASS
    )
    yield box(
        (nose - 0.1, nose),
        (-0.3 * width, 0.3 * width),
        (0.86 * height, 0.94 * height),
        (0.9, 0.45, 0.02),
    )
    yield box(
        (-nose, 0.1 - nose), (-0.35 * width, 0.35 * width), (0.6 * height, 0.8 * height), GLASS
    )
    yield from _lamps(nose, (0.32 * width, 0.46 * width), (0.2 * height, 0.28 * height))
    radius = min(0.5, 0.16 * height)
    yield from _axles((-0.26 * length, 0.33 * length), radius, side)


def trailer(size: Size, paint: Colour, accent: Colour) -> Iterator[Mesh]:
    """A container on three axles at its rear, with a cooler of colour ``accent`` at its front."""
    length, width, height = size
    nose, side = length / 2, width / 2
    floor = 0.3 * height
    yield box((-nose + 0.02, nose - 0.25), (-0.49 * width, 0.49 * width), (floor, height), paint)
    yield box(
        (nose - 0.3, nose), (-0.35 * width, 0.35 * width), (0.55 * height, 0.92 * height), accent
    )
    yield box((-nose + 0.05, nose - 0.3), (-side, side), (floor, 0.34 * height), CHASSIS)
    ribs = max(4, round(length / 1.5))
    for i in range(ribs):
        x = -0.48 * length + 0.92 * length * i / ribs
        yield box((x, x + 0.08), (-0.498 * width, 0.498 * width), (floor, height), paint)
    leg = (0.22 * length, 0.22 * length + 0.15)
    yield from _pairs(*leg, (0.25 * width, 0.32 * width), (0.03 * height, floor), CHASSIS)
    yield box(
        (-nose, -nose + 0.1), (-0.45 * width, 0.45 * width), (0.15 * height, 0.2 * height), CHASSIS
    )
    yield from _pairs(
        -nose, -nose + 0.05, (0.3 * width, 0.46 * width), (0.22 * height, 0.28 * height), TAILLIGHT
    )
    radius = min(0.5, 0.13 * height, 0.04 * length)
    axles = [-0.42 * length + 2.3 * radius * i for i in range(3)]
    yield from _axles(axles, radius, 0.48 * width)


def construction_vehicle(size: Size, paint: Colour, accent: Colour) -> Iterator[Mesh]:
    """An excavator: tracks, engine, cab and an arm that holds its shovel before it."""
    length, width, height = size
    nose, side = length / 2, width / 2
    deck = 0.28 * height
    track = [
        (-0.45 * length, 0.0),
        (0.22 * length, 0.0),
        (0.28 * length, 0.5 * deck),
        (0.22 * length, 0.9 * deck),
        (-0.45 * length, 0.9 * deck),
        (-0.5 * length, 0.5 * deck),
    ]
    for sign in (-1, 1):
        yield prism(track, tuple(sorted((sign * 0.3 * width, sign * side))), TYRE)
    yield box(
        (-0.48 * length, 0.2 * length), (-0.45 * width, 0.45 * width), (deck, 0.4 * height), paint
    )
    yield box(
        (-0.48 * length, -0.15 * length),
        (-0.44 * width, 0.44 * width),
        (0.4 * height, 0.62 * height),
        paint,
    )
    yield box(
        (-0.12 * length, 0.15 * length),
        (0.05 * width, 0.44 * width),
        (0.4 * height, 0.85 * height),
        GLASS,
    )
    yield box(
        (-0.13 * length, 0.16 * length),
        (0.04 * width, 0.45 * width),
        (0.85 * height, 0.9 * height),
        paint,
    )
    arm = (-0.28 * width, -0.1 * width)
    thick = 0.09 * height
    elbow = (0.3 * length, height)
    boom = [
        (0.0, 0.42 * height),
        (0.08 * length, 0.38 * height),
        (elbow[0] + 0.03 * length, height - thick),
        elbow,
        (elbow[0] - 0.04 * length, height - 0.2 * thick),
    ]
    yield prism(boom, arm, paint)
    stick = [
        (0.27 * length, height - thick),
        (elbow[0] + 0.03 * length, height - 0.2 * thick),
        (0.45 * length, 0.3 * height),
        (0.41 * length, 0.3 * height),
    ]
    yield prism(stick, arm, accent)
    shovel = [
        (0.36 * length, 0.12 * height),
        (0.46 * length, 0.05 * height),
        (nose, 0.2 * height),
        (0.47 * length, 0.34 * height),
        (0.4 * length, 0.32 * height),
    ]
    yield prism(shovel, (-0.36 * width, -0.02 * width), CHASSIS)
    yield from _pairs(
        -nose, -0.47 * length, (0.3 * width, 0.43 * width), (0.44 * height, 0.5 * height), TAILLIGHT
    )
    yield box(
        (0.19 * length, 0.21 * length),
        (0.2 * width, 0.4 * width),
        (0.31 * height, 0.37 * height),
        HEADLIGHT,
    )


def _lamps(nose: float, y: tuple[float, float], z: tuple[float, float]) -> Iterator[Mesh]:
    yield from _pairs(nose - 0.08, nose, y, z, HEADLIGHT)
    yield from _pairs(-nose, -nose + 0.08, y, z, TAILLIGHT)


def _pairs(
    x0: float, x1: float, y: tuple[float, float], z: tuple[float, float], colour: Colour
) -> Iterator[Mesh]:
    """The same box on the left and on the right."""
    yield box((x0, x1), y, z, colour)
    yield box((x0, x1), (-y[1], -y[0]), z, colour)


def _axles(positions, radius: float, side: float) -> Iterator[Mesh]:
    for x in positions:
        for sign in (-1, 1):
            tyre = sorted((sign * (side - 0.25), sign * (side - 0.01)))
            rim = sorted((sign * (side - 0.03), sign * side))
            yield wheel(x, radius, tuple(tyre), TYRE)
            yield wheel(x, 0.55 * radius, tuple(rim), RIM, z=radius)
