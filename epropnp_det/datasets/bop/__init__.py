"""Data sets in the format of the BOP benchmark (https://bop.felk.cvut.cz), as crops of objects."""

from .crop import box_window, cell_pixels, crop_window, cut_crop
from .dataset import BOPDataset
from .format import Scene, Truth, read_scene, scene_folders
from .models import Mesh, ObjectModel, model_ids, read_models
from .symmetries import Symmetries
from .transforms import (
    CropObject,
    JitterObjectBox,
    LoadObjectMasks,
    PackObjectPose,
    RenderObjectCoords,
    ReplaceBackground,
    ResolveSymmetry,
    TurnInPlane,
)

__all__ = [
    "BOPDataset",
    "CropObject",
    "JitterObjectBox",
    "LoadObjectMasks",
    "Mesh",
    "ObjectModel",
    "PackObjectPose",
    "RenderObjectCoords",
    "ReplaceBackground",
    "ResolveSymmetry",
    "Scene",
    "Symmetries",
    "Truth",
    "TurnInPlane",
    "box_window",
    "cell_pixels",
    "crop_window",
    "cut_crop",
    "model_ids",
    "read_models",
    "read_scene",
    "scene_folders",
]
