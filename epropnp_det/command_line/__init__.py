"""What every tool shares: arguments, files looked at beforehand, and how it ends.

Importing this room imports nothing heavy, so that help, a misspelt option and a missing file are
answered at once; tools import MMDetection3D only when those are settled.
"""

from .arguments import (
    NUSCENES_VERSIONS,
    TABLE_VERSION,
    ToolParser,
    add_cfg_options,
    add_nuscenes_version,
    add_runner_arguments,
    add_table_version,
    at_least,
    between,
    image_size,
    positive,
    score,
)
from .ending import answering, run_tool
from .files import check_file, check_folder, check_output_file, check_output_folder

__all__ = [
    "NUSCENES_VERSIONS",
    "TABLE_VERSION",
    "ToolParser",
    "add_cfg_options",
    "add_nuscenes_version",
    "add_runner_arguments",
    "add_table_version",
    "answering",
    "at_least",
    "between",
    "check_file",
    "check_folder",
    "check_output_file",
    "check_output_folder",
    "image_size",
    "positive",
    "run_tool",
    "score",
]
