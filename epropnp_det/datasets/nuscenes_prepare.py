"""Info files of a nuScenes dataroot: which frames go where, checked and written whole."""

import pickle
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from nuscenes.nuscenes import NuScenes
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from ..devkits import devkit_of_folder, splits_of
from ..errors import UserError
from ..image_depth import check_image_depth
from ..whole_file import whole_file
from ..workers import uninterrupted_workers
from .annotation_checks import AnnotationReport, check_annotations
from .garbage import no_garbage_collection
from .image_headers import ends_with
from .nuscenes_info import cameras_of, frame_info, sensors_of
from .nuscenes_tables import complete_tables, load_tables
from .own_categories import class_of, find_categories, map_categories
from .point_files import check_points
from .rig import NUSCENES, Rig
from .rig_checks import RigReport, check_rig

_JPEG_END = b"\xff\xd9"


@dataclass(frozen=True)
class SplitSummary:
    """What was written for one split.

    Attributes:
        name: train, val or test.
        path: The info file, or None where no scene of the split is present.
        frames: Number of keyframes.
        scenes: Number of scenes that are present.
        absent: Number of the split's scenes that the dataroot lacks.
        annotations: What is to be said of its annotations.
        rig: What is to be said of its sensors.
    """

    name: str
    path: Path | None
    frames: int
    scenes: int
    absent: int
    annotations: AnnotationReport
    rig: RigReport

    def __str__(self) -> str:
        first = (
            f"{self.name}: {self.frames} frames of {self.scenes} scenes "
            f"({self.absent} scenes of the split are not in the dataroot, skipped) -> "
            f"{self.path or 'no file'}"
        )
        notes = [*self.annotations.lines(), *self.rig.lines()]
        return "\n".join([first, *(f"  {line}" for line in notes)])


def create_nuscenes_infos(
    root: str | Path,
    version: str,
    out_dir: str | Path | None = None,
    workers: int = 1,
    max_sweeps: int = 10,
    info_prefix: str = "nuscenes",
    categories: Mapping[str, str] | None = None,
    level: bool = False,
    rig: Rig = NUSCENES,
) -> list[SplitSummary]:
    """Write ``{info_prefix}_infos_{train,val,test}.pkl`` of a nuScenes dataroot.

    Every camera image, LiDAR keyframe and LiDAR sweep that the files refer to is checked first;
    files appear only when all went well. A scene of a split is skipped when the tables lack it or
    when none of its first keyframe's files is there (a part of the data was downloaded).

    Args:
        root: Dataroot, with ``samples``, ``sweeps``, ``maps`` and the folder of tables.
        version: Such as v1.0-mini, with -mini, -trainval or -test behind the number.
        out_dir: Where the files go; ``root`` by default.
        workers: Number of processes.
        max_sweeps: At most so many earlier LiDAR sweeps are listed a keyframe.
        info_prefix: First part of the file names.
        categories: Class by category of one's own that is to be taken for it; by its whole name or
            the last part.
        level: Describe level cameras in the place of tilted ones, see ``frame_info``.
        rig: The dataset's sensors and names.

    Returns:
        One summary a split.

    Raises:
        UserError: The root, version, a table or a file of sensor data is missing or broken, no
            scene of any split is present, no annotation is of a detected class or one has
            attributes that the devkit does not accept, there is no category or class that
            ``categories`` names, or the system killed a worker.
    """
    root, out_dir = Path(root), Path(out_dir or root)
    _check_root(root, version, rig)
    try:
        with complete_tables(root / version), no_garbage_collection():
            wanted_categories = tuple((categories or {}).items())
            nusc = _cached_tables(root, version, wanted_categories, rig)
            tokens, counts = {}, {}
            for name, split in splits_of(version).items():
                wanted = rig.kit.scenes_of_split(split, root / version)
                scenes = {
                    s["token"] for s in nusc.scene if s["name"] in wanted and _present(nusc, s, rig)
                }
                tokens[name] = [s["token"] for s in nusc.sample if s["scene_token"] in scenes]
                counts[name] = len(scenes), len(wanted) - len(scenes)
            if not any(tokens.values()):
                raise UserError(
                    f"{root} holds no sensor data for any scene of {version}: unpack the sample "
                    f"files there or name another --root"
                )
            reports = {name: check_annotations(nusc, split, rig) for name, split in tokens.items()}
            rigs = {name: check_rig(nusc, split, level, rig) for name, split in tokens.items()}
            _check_something_is_kept(root, reports.values())
            job = partial(
                _checked_frame, (root, version, wanted_categories, rig), max_sweeps, level
            )
            infos = _build(job, tokens, workers)
            metainfo = _metainfo(nusc, _known_categories(nusc, wanted_categories, rig), rig)
    finally:
        # A later call must see tables that were changed on disk.
        _cached_tables.cache_clear()

    summaries = []
    for name, frames in infos.items():
        path = out_dir / f"{info_prefix}_infos_{name}.pkl" if frames else None
        if path:
            _write_whole(path, {"metainfo": metainfo, "data_list": frames})
        told = reports[name], rigs[name]
        summaries.append(SplitSummary(name, path, len(frames), *counts[name], *told))
    return summaries


def _check_root(root: Path, version: str, rig: Rig) -> None:
    if not splits_of(version):
        raise UserError(f"unknown version {version!r}: name one such as v1.0-mini")
    if not root.is_dir():
        raise UserError(f"dataroot {root} is not a folder: name the nuScenes folder with --root")
    tables = root / version
    if not tables.is_dir():
        found = ", ".join(sorted(x.name for x in root.iterdir() if splits_of(x.name))) or "none"
        raise UserError(
            f"{tables} does not exist (versions under {root}: {found}): "
            f"name another --version or --root"
        )
    devkit = devkit_of_folder(tables)
    if devkit != rig.kit:
        raise UserError(
            f"{tables} holds tables of {devkit.title}, and the rig is of {rig.kit.title}: name a "
            "config that describes theirs with --rig, or leave it out for nuScenes"
        )


def _check_something_is_kept(root: Path, reports: Iterable[AnnotationReport]) -> None:
    reports = list(reports)
    if any(report.left_out for report in reports) and not any(report.kept for report in reports):
        (first, *_) = (report for report in reports if report.left_out)
        raise UserError(
            f"nothing is left of the annotations of {root}, since none is of a detected class: "
            f"{first.lines()[0]}"
        )


# Under fork the workers inherit the loaded tables; under spawn each loads them once.
@lru_cache(maxsize=1)
def _cached_tables(
    root: Path, version: str, categories: tuple[tuple[str, str], ...], rig: Rig
) -> NuScenes:
    nusc = load_tables(root, version)
    map_categories(nusc, _known_categories(nusc, categories, rig), rig)
    return nusc


def _known_categories(
    nusc: NuScenes, wanted: tuple[tuple[str, str], ...], rig: Rig
) -> dict[str, str]:
    return find_categories((row["name"] for row in nusc.category), dict(wanted), rig)


def _present(nusc: NuScenes, scene: dict, rig: Rig) -> bool:
    sample = nusc.get("sample", scene["first_sample_token"])
    return any(
        Path(nusc.get_sample_data_path(sample["data"][channel])).exists()
        for channel in sensors_of(nusc, sample, rig)
    )


def _build(
    job: Callable[[str], dict], tokens: dict[str, list[str]], workers: int
) -> dict[str, list[dict]]:
    order = [token for split in tokens.values() for token in split]
    if workers > 1:
        try:
            with ProcessPoolExecutor(workers) as pool:
                with uninterrupted_workers():
                    found = pool.map(job, order, chunksize=_chunk_size(len(order), workers))
                frames = _with_progress(found, len(order))
        except BrokenProcessPool as error:
            raise UserError(
                "a worker was killed, perhaps for lack of memory: give fewer --workers"
            ) from error
    else:
        frames = _with_progress(map(job, order), len(order))
    rest = iter(frames)
    return {
        name: [{"sample_idx": i, **next(rest)} for i in range(len(split))]
        for name, split in tokens.items()
    }


def _chunk_size(frames: int, workers: int) -> int:
    """Frames handed to a worker at once: few enough that all workers end at about the same time."""
    return min(8, 1 + frames // (16 * workers))


def _with_progress(frames: Iterable[dict], total: int) -> list[dict]:
    return list(tqdm(frames, total=total, unit="frame", desc="frames"))


def _checked_frame(tables: tuple, max_sweeps: int, level: bool, sample_token: str) -> dict:
    nusc = _cached_tables(*tables)
    root, version, _, rig = tables
    sample = nusc.get("sample", sample_token)
    cameras = cameras_of(nusc, sample, rig)
    if not cameras:
        raise UserError(
            f"sample {sample_token} has no keyframe of a camera in {root / version}/"
            f"sample_data.json: unpack the metadata again, or leave the sample out"
        )
    for channel in cameras:
        data = nusc.get("sample_data", sample["data"][channel])
        _check_image(root / data["filename"], (data["width"], data["height"]))
    info = frame_info(nusc, sample_token, max_sweeps, level, rig)
    sweeps = (sweep["sample_data_token"] for sweep in info.get("lidar_sweeps", ()))
    lidar = [sample["data"][rig.lidar]] if rig.lidar in sample["data"] else []
    for token in (*lidar, *sweeps):
        _check_lidar(root / nusc.get("sample_data", token)["filename"])
    return info


def _check_size(path: Path) -> None:
    size = path.stat().st_size if path.is_file() else None
    if not size:
        fault = "is missing" if size is None else "is empty"
        raise UserError(f"{path} {fault}: unpack or download it again")


def _check_image(path: Path, size: tuple[int, int]) -> None:
    _check_size(path)
    try:
        with Image.open(path) as image:
            found = image.size
            whole = image.format != "JPEG" or ends_with(path, _JPEG_END)
    except (UnidentifiedImageError, OSError) as error:
        raise UserError(f"{path} is not a readable image: download it again") from error
    if found != size:
        raise UserError(
            f"{path} is {found[0]}x{found[1]} pixels where its table says {size[0]}x{size[1]}: "
            f"download it again"
        )
    if not whole:
        raise UserError(f"{path} is cut short: download it again")
    check_image_depth(path)


def _check_lidar(path: Path) -> None:
    _check_size(path)
    check_points(path)


def _metainfo(nusc: NuScenes, mapped: dict[str, str], rig: Rig) -> dict:
    ignored = (row["name"] for row in nusc.category if class_of(row["name"], mapped, rig) is None)
    return {
        "categories": {name: i for i, name in enumerate(rig.classes)} | dict.fromkeys(ignored, -1),
        "mapped_categories": mapped,
        "attributes_checked": True,
        "dataset": rig.devkit,
        "version": nusc.version,
        "info_version": "1.1",
        **({} if rig == NUSCENES else {"rig": rig.as_dict()}),
    }


def _write_whole(path: Path, content: dict) -> None:
    """Write a pickle so that it is there whole or not at all."""
    try:
        with whole_file(path) as draft, open(draft, "wb") as file:
            pickle.dump(content, file)
    except OSError as error:
        raise UserError(
            f"cannot write to {path.parent} ({error}): name another --out-dir"
        ) from error
