"""Pedestrians and two-wheelers, with or without riders, each filling its box.

Every function returns the parts of an object of ``size`` (length, width, height) in metres that
stands on z = 0 about the origin and touches all six faces of its box.
"""

from __future__ import annotations

from collections.abc import Iterator

from .mesh import Colour, Mesh, box, cone, frustum, prism, wheel
from .vehicles import CHASSIS, HEADLIGHT, TAILLIGHT, TYRE, Size

SKIN = (0.42, 0.25, 0.17)
HAIR = (0.03, 0.02, 0.015)
SHOE = (0.02, 0.02, 0.02)


def pedestrian(size: Size, shirt: Colour, trousers: Colour) -> Iterator[Mesh]:
    """A person in mid-stride: one leg and the other arm ahead."""
    length, width, height = size
    hip, shoulder = 0.48 * height, 0.82 * height
    thick = 0.07 * height
    reach, elbow = length / 2, 0.36 * width
    for sign in (-1, 1):
        inner, outer = sorted((sign * 0.04 * width, sign * 0.24 * width))
        heel = reach - 0.3 * length if sign > 0 else -reach
        foot = (heel, heel + 0.3 * length)
        ankle = (heel, heel + min(thick, 0.3 * length))
        pelvis = (-thick, thick)
        yield box(foot, (inner, outer), (0.0, 0.04 * height), SHOE)
        yield frustum(
            (*ankle, inner, outer), (*pelvis, inner, outer), (0.03 * height, hip), trousers
        )
        hand = (-sign * 0.3 * length - thick / 2, -sign * 0.3 * length + thick / 2)
        arm = sorted((sign * elbow, sign * width / 2))
        yield frustum(
            (*hand, *arm),
            (-thick / 2, thick / 2, *sorted((sign * 0.3 * width, sign * elbow))),
            (0.44 * height, shoulder),
            shirt,
        )
        yield box(hand, arm, (0.4 * height, 0.44 * height), SKIN)
    waist = (-thick, thick, -0.25 * width, 0.25 * width)
    chest = (-1.1 * thick, 1.2 * thick, -0.33 * width, 0.33 * width)
    yield frustum(waist, chest, (hip - 0.02 * height, shoulder), shirt)
    yield from _head((0.0, 0.0), shoulder, height)


def bicycle(size: Size, paint: Colour, accent: Colour, ridden: bool) -> Iterator[Mesh]:
    """Thin wheels and a frame; ``accent`` is the rider's shirt."""
    length, width, height = size
    radius = min(0.34, 0.24 * length, 0.4 * height)
    saddle = min(0.95, 0.62 * height) if ridden else 0.8 * height
    grip = 0.68 * height if ridden else height
    yield from _rolling(length, radius, 0.025)
    axle = length / 2 - radius
    for x0, z0, x1, z1 in (
        (-axle, radius, -0.1 * length, saddle),
        (-axle, radius, 0.0, 0.8 * radius),
        (0.0, 0.8 * radius, -0.1 * length, saddle),
        (0.0, 0.8 * radius, 0.2 * length, 0.9 * saddle),
        (-0.09 * length, 0.9 * saddle, 0.2 * length, 0.92 * saddle),
        (axle, radius, 0.18 * length, grip),
    ):
        yield _tube((x0, z0), (x1, z1), 0.025, paint)
    yield box((-0.18 * length, -0.02 * length), (-0.07, 0.07), (saddle - 0.04, saddle), TYRE)
    yield box((0.15 * length, 0.21 * length), (-width / 2, width / 2), (grip - 0.04, grip), CHASSIS)
    yield box((0.2 * length, 0.24 * length), (-0.04, 0.04), (grip - 0.14, grip - 0.06), HEADLIGHT)
    yield box(
        (-0.2 * length, -0.18 * length), (-0.03, 0.03), (saddle - 0.16, saddle - 0.06), TAILLIGHT
    )
    if ridden:
        yield from _rider(size, saddle, grip, 0.5 * radius, accent)


def motorcycle(size: Size, paint: Colour, accent: Colour, ridden: bool) -> Iterator[Mesh]:
    """Broad wheels, tank, seat and screen; ``accent`` is the rider's jacket."""
    length, width, height = size
    radius = min(0.32, 0.2 * length, 0.3 * height)
    seat = min(0.85, 0.55 * height) if ridden else 0.75 * height
    grip = 0.66 * height if ridden else 0.95 * height
    yield from _rolling(length, radius, 0.07)
    axle = length / 2 - radius
    engine = [
        (-0.12 * length, 0.6 * radius),
        (0.14 * length, 0.6 * radius),
        (0.18 * length, 0.75 * seat),
        (-0.2 * length, 0.75 * seat),
    ]
    yield prism(engine, (-0.22 * width, 0.22 * width), CHASSIS)
    tank = [
        (-0.05 * length, 0.72 * seat),
        (0.22 * length, 0.72 * seat),
        (0.2 * length, 1.05 * seat),
        (0.0, 1.08 * seat),
    ]
    yield prism(tank, (-0.2 * width, 0.2 * width), paint)
    tail = [
        (-0.36 * length, 0.98 * seat),
        (-0.3 * length, 0.72 * seat),
        (0.02 * length, 0.74 * seat),
        (0.02 * length, seat),
    ]
    yield prism(tail, (-0.15 * width, 0.15 * width), paint)
    yield _tube((-axle, radius), (-0.1 * length, 0.6 * seat), 0.08, CHASSIS)
    yield _tube((axle, radius), (0.2 * length, grip), 0.07, CHASSIS)
    yield box((0.16 * length, 0.21 * length), (-width / 2, width / 2), (grip - 0.05, grip), CHASSIS)
    screen = height if not ridden else 0.8 * height
    yield frustum(
        (0.24 * length, 0.27 * length, -0.2 * width, 0.2 * width),
        (0.2 * length, 0.22 * length, -0.15 * width, 0.15 * width),
        (0.9 * grip, screen),
        paint,
    )
    yield box(
        (0.25 * length, 0.31 * length),
        (-0.13 * width, 0.13 * width),
        (0.78 * grip, 0.9 * grip),
        HEADLIGHT,
    )
    yield box(
        (-0.39 * length, -0.35 * length),
        (-0.1 * width, 0.1 * width),
        (0.85 * seat, 0.97 * seat),
        TAILLIGHT,
    )
    if ridden:
        yield from _rider(size, seat, grip, 0.8 * radius, accent)


def _rolling(length: float, radius: float, thick: float) -> Iterator[Mesh]:
    for sign in (-1, 1):
        x = sign * (length / 2 - radius)
        yield wheel(x, radius, (-thick, thick), TYRE)
        yield wheel(x, 0.7 * radius, (-1.1 * thick, 1.1 * thick), (0.2, 0.2, 0.21), z=radius)


def _rider(size: Size, seat: float, grip: float, pedal: float, shirt: Colour) -> Iterator[Mesh]:
    length, width, height = size
    shoulder = seat + 0.68 * (height - seat)
    back, chest = -0.16 * length, 0.02 * length
    torso = (back, back + 0.22, -0.22 * width, 0.22 * width)
    upper = (chest - 0.1, chest + 0.12, -0.3 * width, 0.3 * width)
    yield frustum(torso, upper, (seat, shoulder), shirt)
    for sign in (-1, 1):
        thigh = sorted((sign * 0.12 * width, sign * 0.3 * width))
        knee = 0.08 * length
        profile = [
            (back + 0.02, seat),
            (back + 0.02, seat + 0.14),
            (knee + 0.1, seat - 0.02),
            (knee + 0.06, seat - 0.16),
        ]
        yield prism(profile, tuple(thigh), CHASSIS)
        yield frustum(
            (-0.02 * length, 0.1, *thigh),
            (knee - 0.06, knee + 0.08, *thigh),
            (pedal, seat - 0.08),
            CHASSIS,
        )
        arm = sorted((sign * 0.3 * width, sign * 0.42 * width))
        yield prism(
            [
                (chest - 0.05, shoulder - 0.1),
                (chest + 0.02, shoulder),
                (0.19 * length, grip + 0.06),
                (0.17 * length, grip - 0.02),
            ],
            tuple(arm),
            shirt,
        )
    yield from _head((chest + 0.03, 0.0), shoulder, height)


def _head(centre: tuple[float, float], shoulder: float, top: float) -> Iterator[Mesh]:
    radius = min(0.11, 0.45 * (top - shoulder))
    chin = shoulder + 0.15 * (top - shoulder)
    yield cone(centre, (0.6 * radius, 0.6 * radius), (shoulder - 0.02, chin), SKIN)
    brow = chin + 0.6 * (top - chin)
    yield cone(centre, (0.75 * radius, radius), (chin, brow), SKIN)
    yield cone((centre[0] - 0.03, centre[1]), (1.08 * radius, 0.6 * radius), (brow, top), HAIR)


def _tube(
    start: tuple[float, float], end: tuple[float, float], thick: float, colour: Colour
) -> Mesh:
    """A bar in the plane y = 0 between two points (x, z)."""
    (x0, z0), (x1, z1) = start, end
    half = (0.0, thick / 2) if abs(x1 - x0) > abs(z1 - z0) else (thick / 2, 0.0)
    profile = [
        (x0 - half[0], z0 - half[1]),
        (x0 + half[0], z0 + half[1]),
        (x1 + half[0], z1 + half[1]),
        (x1 - half[0], z1 - half[1]),
    ]
    return prism(profile, (-thick / 2, thick / 2), colour)
