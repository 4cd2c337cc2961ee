"""The look of everything that stands in the simulated world, by name."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from . import people, street, vehicles
from .animals import animal
from .mesh import Colour, Mesh, join

_PARTS = {
    "car": vehicles.car,
    "truck": vehicles.truck,
    "trailer": vehicles.trailer,
    "bus": vehicles.bus,
    "construction_vehicle": vehicles.construction_vehicle,
    "pedestrian": people.pedestrian,
    "traffic_cone": street.traffic_cone,
    "barrier": street.barrier,
    "traffic_sign": street.traffic_sign,
    "animal": animal,
    "building": street.building,
    "tree": street.tree,
    "lamp": street.lamp,
}
_RIDDEN_PARTS = {"bicycle": people.bicycle, "motorcycle": people.motorcycle}


@lru_cache(maxsize=1024)
def shape(
    name: str,
    size: tuple[float, float, float],
    paint: Colour,
    accent: Colour,
    moving: bool = False,
) -> Mesh:
    """The mesh of an object, about the centre of its box, with its front towards +x.

    Args:
        name: one of the ten nuScenes detection classes, "animal", "traffic_sign", "building",
            "tree" or "lamp".
        size: (length, width, height) of the box, metres; the mesh touches all six of its faces.
        paint: main colour.
        accent: second colour (a cargo box, trousers, a rider's shirt).
        moving: whether it moves: then a two-wheeler has a rider.
    """
    if name in _RIDDEN_PARTS:
        parts = _RIDDEN_PARTS[name](size, paint, accent, moving)
    else:
        parts = _PARTS[name](size, paint, accent)
    to_centre = np.eye(4)
    to_centre[2, 3] = -size[2] / 2
    return join(parts).moved(to_centre)
