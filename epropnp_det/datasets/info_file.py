"""Info files in mmdet3d's v2 format."""

import pickle

import mmengine

from ..errors import UserError


def read_info_file(path: str, backend_args: dict | None = None) -> dict:
    """Read an info file, ours or mmdet3d's.

    Args:
        path: The .pkl file.
        backend_args: Where mmengine reads it from.

    Returns:
        A dict with the dict ``metainfo`` and the list of frames ``data_list``, which is not empty.

    Raises:
        UserError: The file is missing, unreadable, not in v2 format or empty.
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
    return content
