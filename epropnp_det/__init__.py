"""EPro-PnP-Det: monocular 3D object detection for MMDetection3D 1.4.

`custom_imports = dict(imports=['epropnp_det'])` in a config registers every module. The EPro-PnP
layer alone is `epropnp_det.pnp`; importing it imports nothing of OpenMMLab.
"""

import sys
from importlib import import_module
from importlib.util import find_spec

from .registration import PLUGIN, register_at_first_look

__version__ = "0.1.0"
__all__ = ["__version__", "register_all_modules"]


def register_all_modules() -> None:
    """Register the package's modules with MMDetection3D, at once.

    An import does so where mmengine was imported before; else it is done at the first look into a
    registry, so that the order of imports does not matter.

    Raises:
        UserError: if an OpenMMLab package is of a version that was not tried.
    """
    import_module(PLUGIN)


# A config's custom_imports are always carried out by a loaded mmengine. Without it, or without
# mmdet3d, the caller may want the layer alone.
if sys.modules.get("mmengine") and find_spec("mmdet3d"):
    register_all_modules()
else:
    register_at_first_look()
