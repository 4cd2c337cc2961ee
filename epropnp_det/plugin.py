"""Registration with MMDetection3D: importing this module registers what every room holds."""

from importlib import import_module, metadata

from mmengine.registry import FUNCTIONS, Registry
from mmengine.utils import digit_version

from .errors import UserError
from .registration import name_package

ROOMS = ("datasets", "engine", "evaluation", "models", "visualization")
TRIED = {
    "mmengine": ("0.10.7", "0.11"),
    "mmcv": ("2.1.0", "2.2"),
    "mmdet": ("3.3.0", "3.4"),
    "mmdet3d": ("1.4.0", "1.5"),
}


def check_versions() -> None:
    """Compare the installed OpenMMLab packages with the ranges that were tried.

    Raises:
        UserError: naming the first package that is absent or out of its range.
    """
    for name, (low, high) in TRIED.items():
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            version = "none"
        if version == "none" or not (
            digit_version(low) <= digit_version(version) < digit_version(high)
        ):
            raise UserError(
                f"epropnp_det needs {name} >={low},<{high}, but {version} is installed: "
                f"run `pip install '{__package__}[det]'`, or `make env` in a clone."
            )


check_versions()
name_package()
# mmdet3d has no functions of its own to register, and mmengine warns at each look-up of one, such
# as every data loader's collate function, in a scope that has none.
MMDET3D_FUNCTIONS = Registry(
    "function", parent=FUNCTIONS, scope="mmdet3d", locations=["epropnp_det.plugin"]
)
for room in ROOMS:
    import_module(f".{room}", __package__)
