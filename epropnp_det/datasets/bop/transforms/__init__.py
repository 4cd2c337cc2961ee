from .background import ReplaceBackground
from .box_jitter import JitterObjectBox
from .coords import RenderObjectCoords
from .crop_object import CropObject
from .masks import LoadObjectMasks
from .pack import PackObjectPose
from .symmetric_pose import ResolveSymmetry
from .turn import TurnInPlane

__all__ = [
    "CropObject",
    "JitterObjectBox",
    "LoadObjectMasks",
    "PackObjectPose",
    "RenderObjectCoords",
    "ReplaceBackground",
    "ResolveSymmetry",
    "TurnInPlane",
]
