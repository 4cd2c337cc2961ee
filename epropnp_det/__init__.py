"""EPro-PnP-Det: monocular 3D object detection for MMDetection3D 1.4.

`custom_imports = dict(imports=['epropnp_det'])` in a config registers every module. The EPro-PnP
layer alone is `epropnp_det.pnp`; importing it in a process without mmengine imports nothing of
OpenMMLab.
"""

import sys
from importlib import import_module
from importlib.util import find_spec

__version__ = "0.1.0"
__all__ = ["__version__", "register_all_modules"]


def register_all_modules() -> None:
    """Register the package's modules with MMDetection3D.

    Configs do this by `custom_imports`; call it in a script that imports this package first.

    Raises:
        UserError: if an OpenMMLab package is of a version that was not tried.
    """
    import_module(".plugin", __name__)


# A config's custom_imports are always carried out by a loaded mmengine. Without it, or without
# mmdet3d, the caller wants the layer alone.
if "mmengine" in sys.modules and find_spec("mmdet3d"):
    register_all_modules()
