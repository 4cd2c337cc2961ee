"""What comes with the package: configs, tools, the model index and a small network."""

from __future__ import annotations

from pathlib import Path

from .errors import UserError
from .spelling import nearest

# How mmengine names a config of an installed package.
PREFIX = f"{__package__}::"

_IN_WHEEL = Path(__file__).with_name(".mim")


def shipped_folder() -> Path:
    """The folder that holds `configs`, `tools` and `checkpoints`.

    A wheel has it in the package, where mmengine and mim look for it; of a clone it is the root.
    """
    return _IN_WHEEL if comes_from_wheel() else Path(__file__).resolve().parents[1]


def comes_from_wheel() -> bool:
    """Whether the package was installed from a wheel, rather than being used in a clone."""
    return _IN_WHEEL.is_dir()


def config_path(config: str | Path) -> Path:
    """Path of a config file.

    Args:
        config: its path, or `epropnp_det::epropnp_det/NAME.py` for one that comes with the package.

    Raises:
        UserError: no config of that name comes with the package.
    """
    if not str(config).startswith(PREFIX):
        return Path(config)
    name = str(config).removeprefix(PREFIX)
    folder = shipped_folder() / "configs"
    known = [path.relative_to(folder).as_posix() for path in folder.glob("[!_]*/*.py")]
    if name not in known:
        hint = nearest(name, known) or f": they are {', '.join(sorted(known))}"
        raise UserError(f"no config {name} comes with {__package__}{hint}.")
    return folder / name


def shipped_tools() -> dict[str, Path]:
    """The tools that `python -m epropnp_det` runs, by name."""
    return {path.stem: path for path in sorted(shipped_folder().glob("tools/*.py"))}
