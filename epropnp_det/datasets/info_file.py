"""Info files in mmdet3d's v2 format."""

import pickle
from collections.abc import Mapping, Sequence

import mmengine

from ..errors import UserError

# mmdet3d numbers the images of its 'mv_image_based' datasets so.
_NUSCENES_CAMERAS = 6


def images_per_frame(frames: Sequence[dict]) -> int:
    """How many numbers a frame has for its images: six as in mmdet3d, more for rigs of more.

    Image ``i`` of frame ``f`` has the ``sample_idx`` of ``f`` times this plus ``i``.

    Args:
        frames: the ``data_list`` of an info file.
    """
    return max(_NUSCENES_CAMERAS, *(len(frame.get("images", ())) for frame in frames))


def read_info_file(path: str, backend_args: dict | None = None) -> dict:
    """Read an info file, ours or mmdet3d's.

    Args:
        path: The .pkl file.
        backend_args: Where mmengine reads it from.

    Returns:
        A dict with the dict ``metainfo`` and the list of frames ``data_list``, which is not empty.

    Raises:
        UserError: The file is missing, unreadable, not in v2 format, of an early form of it, or
            empty.
    """
    mend = "make it with tools/create_data.py or set ann_file in the config"
    try:
        content = mmengine.load(path, backend_args=backend_args)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise UserError(f"info file {path} does not exist: {mend}") from error
    # A pickle of other software may name modules and classes that are not here.
    except (
        pickle.UnpicklingError,
        AttributeError,
        EOFError,
        ImportError,
        LookupError,
        OSError,
        TypeError,
        ValueError,
    ) as error:
        what = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise UserError(f"info file {path} is not readable ({what}): {mend}") from error
    if not isinstance(content, dict) or not {"metainfo", "data_list"} <= content.keys():
        raise UserError(f"info file {path} is not in mmdet3d v2 format: {mend}")
    if not content["data_list"]:
        raise UserError(f"info file {path} holds no frame: {mend}")
    for frame in content["data_list"]:
        if not isinstance(frame, Mapping) or not isinstance(frame.get("images", {}), Mapping):
            raise UserError(
                f"info file {path} is of an early form of mmdet3d's v2 format, in which the images "
                f"of a frame have no names: {mend}"
            )
    return content
