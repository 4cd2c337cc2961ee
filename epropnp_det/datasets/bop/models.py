"""Models of objects: what BOP's ``models_info.json`` says of them, and their surfaces."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import UserError
from .bop_json import by_number, read_json, taken
from .symmetries import Symmetries

_MM = 1e-3

# An object is no smaller and no larger, in metres.
_SMALLEST, _LARGEST = 1e-3, 10.0

_WHOLE = "unpack the models of the data set again"


@dataclass(frozen=True, eq=False)
class Mesh:
    """A surface of triangles.

    Attributes:
        vertices: (V, 3) float32 in the model's frame, metres.
        faces: (F, 3) int32 indices of vertices.
    """

    vertices: np.ndarray
    faces: np.ndarray


@dataclass(frozen=True, eq=False)
class ObjectModel:
    """A model, its lengths in metres; two are equal only if they are the same.

    Attributes:
        obj_id: BOP's number of the object.
        diameter: greatest distance between two vertices.
        minima: (3,) least x, y and z.
        size: (3,) extents along x, y and z.
        symmetries: its discrete and continuous ones, in metres.
        mesh: the surface, None where it was not asked for.
    """

    obj_id: int
    diameter: float
    minima: np.ndarray
    size: np.ndarray
    symmetries: Symmetries
    mesh: Mesh | None = None

    @property
    def half_size(self) -> np.ndarray:
        """(3,) float32, what normalised coordinates are multiplied by: the minima's magnitudes."""
        return np.abs(self.minima).astype(np.float32)

    def corners(self) -> np.ndarray:
        """The eight corners (8, 3) of the box around it."""
        bits = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
        return self.minima + bits * self.size


def model_ids(folder: Path) -> list[int]:
    """The objects that a folder of models has, ascending.

    Raises:
        UserError: its ``models_info.json`` is missing, cut short, empty or not of BOP's form.
    """
    path = folder / "models_info.json"
    ids = list(by_number(read_json(path, dict), path))
    if not ids:
        raise UserError(f"{path} has no model: {_WHOLE}.")
    return ids


def read_models(
    folder: Path, obj_ids: Sequence[int], with_meshes: bool = True
) -> dict[int, ObjectModel]:
    """Read the models of some objects.

    Args:
        folder: of ``models_info.json`` and ``obj_000001.ply`` and so on, lengths in millimetres.
        obj_ids: the objects.
        with_meshes: whether to read the surfaces.

    Raises:
        UserError: a file is missing or cut short, an object is unknown, lengths are not in
            millimetres, or the origin lies on the surface of the box around the model.
    """
    path = folder / "models_info.json"
    infos = by_number(read_json(path, dict), path)
    models = {}
    for obj_id in obj_ids:
        if obj_id not in infos:
            raise UserError(
                f"{path} has no object {obj_id}: it has {', '.join(map(str, infos))}; set the "
                "data set's objects."
            )
        model = taken(path, lambda obj_id=obj_id: _of_info(obj_id, infos[obj_id]))
        _check_lengths(path, model)
        if with_meshes:
            mesh_path = folder / f"obj_{obj_id:06d}.ply"
            mesh = read_mesh(mesh_path)
            _check_fit(mesh_path, mesh, model)
            model = ObjectModel(**{**vars(model), "mesh": mesh})
        models[obj_id] = model
    return models


def read_mesh(path: Path) -> Mesh:
    """Read a PLY file, text or binary, in millimetres; polygons are cut into triangles.

    Raises:
        UserError: it is missing, cut short, no PLY file or has no surface.
    """
    import trimesh  # slow to import, and not needed where nothing is rendered

    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"the model {path} cannot be read ({error.strerror}): {_WHOLE}, or train without "
            "coordinate targets."
        ) from error
    try:
        loaded = trimesh.load(
            io.BytesIO(content), file_type="ply", process=False, skip_materials=True
        )
        vertices, faces = np.asarray(loaded.vertices), np.asarray(getattr(loaded, "faces", ()))
    # What the reader makes of a file that is cut off within its header is left to Python.
    except (ValueError, LookupError, AttributeError, TypeError, UnicodeDecodeError) as error:
        raise UserError(f"the model {path} is not a whole PLY file ({error}): {_WHOLE}.") from error
    _check_counts(path, content, len(vertices), len(faces))
    if not len(faces):
        raise UserError(f"the model {path} has no faces: take a model with a surface.")
    return Mesh((vertices * _MM).astype(np.float32), faces.astype(np.int32))


def _of_info(obj_id: int, info: dict) -> ObjectModel:
    def vector(prefix: str) -> np.ndarray:
        return np.array([info[f"{prefix}_{axis}"] for axis in "xyz"], float) * _MM

    symmetries = Symmetries.of_info(info).scaled(_MM)
    return ObjectModel(
        obj_id, float(info["diameter"]) * _MM, vector("min"), vector("size"), symmetries
    )


def _check_lengths(path: Path, model: ObjectModel) -> None:
    if not _SMALLEST <= model.diameter <= _LARGEST:
        raise UserError(
            f"{path}: the diameter of object {model.obj_id} is {model.diameter / _MM:g}, which is "
            "no length in millimetres of an object: convert models and poses to millimetres, of "
            "which 1000 are a metre."
        )
    longest, diagonal = model.size.max(), np.linalg.norm(model.size)
    if not 0.98 * longest <= model.diameter <= 1.02 * diagonal:
        raise UserError(
            f"{path}: the diameter of object {model.obj_id}, {model.diameter / _MM:g}, does not go "
            f"with its size of {' x '.join(f'{side / _MM:g}' for side in model.size)}: make the "
            "file anew with the BOP toolkit's calc_model_info.py."
        )
    if (model.half_size < 1e-3 * model.diameter).any():
        raise UserError(
            f"{path}: object {model.obj_id} has its origin on the border of the box around it "
            f"(minima {', '.join(f'{low / _MM:g}' for low in model.minima)}), and coordinates are "
            "divided by the minima: move the model's origin into its middle, and the poses with it."
        )


def _check_counts(path: Path, content: bytes, vertices: int, faces: int) -> None:
    """The reader takes a text file that ends too early for a smaller one."""
    head, _, body = content.partition(b"end_header")
    counts = {name: int(count) for name, count in re.findall(rb"element\s+(\w+)\s+(\d+)", head)}
    cut = vertices < counts.get(b"vertex", 0) or faces < counts.get(b"face", 0)
    if re.search(rb"format\s+ascii", head):
        lines = sum(1 for line in body.splitlines() if line.strip())
        cut |= lines < sum(counts.values())
    if cut:
        raise UserError(
            f"the model {path} is cut short: its header names {counts.get(b'vertex', 0)} vertices "
            f"and {counts.get(b'face', 0)} faces, which it does not hold; {_WHOLE}."
        )


def _check_fit(path: Path, mesh: Mesh, model: ObjectModel) -> None:
    if not np.isfinite(mesh.vertices).all():
        raise UserError(f"the model {path} has vertices that are no numbers: {_WHOLE}.")
    if mesh.faces.min() < 0 or mesh.faces.max() >= len(mesh.vertices):
        raise UserError(f"the model {path} has faces of vertices that it lacks: {_WHOLE}.")
    used = mesh.vertices[np.unique(mesh.faces)]
    low, high = used.min(axis=0), used.max(axis=0)
    off = max(np.abs(low - model.minima).max(), np.abs(high - model.minima - model.size).max())
    if off > 0.05 * model.diameter:
        largest = np.abs(used).max() / _MM
        unit = " (is it in metres?)" if largest < 1 else ""
        raise UserError(
            f"the model {path} and models_info.json differ by {off / _MM:.3g} mm{unit}: both must "
            "be of the same model in millimetres."
        )
