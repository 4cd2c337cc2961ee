"""The models as BOP has them: PLY files, and what models_info.json tells of them; millimetres."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from .models import ObjectModel
from .tessellate import Surface

_VERTEX = np.dtype(
    [(name, "<f4") for name in ("x", "y", "z", "nx", "ny", "nz")]
    + [(name, "u1") for name in ("red", "green", "blue")]
)
_FACE = np.dtype([("count", "u1"), ("corners", "<i4", 3)])
_TYPES = {"<f4": "float", "|u1": "uchar"}


def model_files(models: tuple[ObjectModel, ...]) -> Iterator[tuple[str, bytes]]:
    """Paths below the dataset's root, and what is in these files."""
    info = {str(model.number): model_info(model) for model in models}
    for model in models:
        name = f"obj_{model.number:06d}.ply"
        yield f"models/{name}", ply(model.surface, model.colours)
        yield f"models_eval/{name}", ply(model.evaluation, model.evaluation_colours)
    for folder in ("models", "models_eval"):
        yield f"{folder}/models_info.json", json.dumps(info, indent=1).encode()


def model_info(model: ObjectModel) -> dict:
    """A model's record in models_info.json."""
    least, most = 1000 * model.bounds()
    record = {"diameter": 1000 * model.diameter()}
    for axis, low, high in zip("xyz", least.tolist(), most.tolist(), strict=True):
        record |= {f"min_{axis}": low, f"size_{axis}": high - low}
    symmetry = model.symmetry
    if symmetry.continuous:
        record["symmetries_continuous"] = [{"axis": [0, 0, 1], "offset": [0, 0, 0]}]
    if symmetry.folds > 1:
        # The turns are about the origin: no translation needs another unit.
        record["symmetries_discrete"] = [turn.ravel().tolist() for turn in symmetry.discrete()]
    return record


def ply(surface: Surface, colours: np.ndarray) -> bytes:
    """A binary PLY file of a surface with colours (V, 3) uint8 at its vertices."""
    vertices = np.empty(len(surface.vertices), _VERTEX)
    columns = np.concatenate([1000 * surface.vertices, surface.normals], 1).T
    for name, column in zip(_VERTEX.names, [*columns, *colours.T], strict=True):
        vertices[name] = column
    faces = np.empty(len(surface.faces), _FACE)
    faces["count"], faces["corners"] = 3, surface.faces
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"element vertex {len(vertices)}",
        *(f"property {_TYPES[_VERTEX[name].str]} {name}" for name in _VERTEX.names),
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header\n",
    ]
    return "\n".join(header).encode() + vertices.tobytes() + faces.tobytes()
