"""The published models: which they are, where, and how a file tells which of them it holds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from .object_pose_models import POSE_MODELS, PoseStructure
from .published_model import PublishedModel, SharedFolder


class Structure(NamedTuple):
    """What the parameter names of a published model say of it.

    Attributes:
        version: 1, or 2, which names its correspondence modules anew.
        levels: feature levels that the neck takes from the backbone.
        class_embedding: embeddings know their class.
        auxiliary_loss: the reprojection loss left a parameter.
    """

    version: int
    levels: int
    class_embedding: bool
    auxiliary_loss: bool

    @classmethod
    def of(cls, names: Iterable[str]) -> Structure | None:
        """Structure of a state dict, by its published names; None if it is of another network."""
        names = set(names)
        version = 2 if "bbox_head.corr_reg.weight" in names else 1
        if version == 1 and "bbox_head.corr_regs.1.weight" not in names:
            return None
        return cls(
            version=version,
            levels=sum(
                re.fullmatch(r"neck\.lateral_convs\.\d+\.conv\.weight", name) is not None
                for name in names
            ),
            class_embedding="bbox_head.cls_emb" in names,
            auxiliary_loss="bbox_head.loss_proj.mean_inv_std" in names,
        )


V1 = Structure(version=1, levels=4, class_embedding=False, auxiliary_loss=True)
V2 = Structure(version=2, levels=3, class_embedding=True, auxiliary_loss=True)

# As the pages of the published implementations name them: that of v1 and v1b, and that of v2.
V1_FOLDERS = (
    SharedFolder("https://drive.google.com/drive/folders/1AWRg09fkt66I8rgrp33Lwb9l6-D6Gjrg"),
    SharedFolder("https://pan.baidu.com/s/1j7xgkwD-rcxHMaNupRP_bQ?pwd=cx5b", "EPro-PnP-Det"),
)
V2_FOLDERS = (
    SharedFolder("https://drive.google.com/drive/folders/1D24OSyMPCifzOeowlltRGHN4m1vhDrTx"),
)


def structure_of(names: Iterable[str]) -> Structure | PoseStructure | None:
    """Structure of a state dict, by its published names; None if it is of another network."""
    names = set(names)
    return Structure.of(names) or PoseStructure.of(names)


def _detector(
    name: str,
    structure: Structure,
    folders: tuple[SharedFolder, ...],
    dropped: tuple[str, ...] = (),
) -> PublishedModel:
    variant = name.removesuffix("_trainval")
    data = "nus-mono3d-trainval" if variant != name else "nus-mono3d"
    variant = variant.replace("_", "-")
    return PublishedModel(
        name,
        structure,
        folders,
        published_config=f"epropnp_det_{name}",
        config=f"configs/epropnp_det/epropnp-det-{variant}_r101-dcn_fpn_4xb3-12e_{data}.py",
        dropped=dropped,
    )


DETECTORS = (
    _detector("basic", V1, V1_FOLDERS),
    _detector("coord_regr", V1, V1_FOLDERS),
    _detector("coord_regr_trainval", V1, V1_FOLDERS),
    # Trained without auxiliary losses, it never used the map that these read off.
    _detector(
        "no_reproj",
        V1._replace(auxiliary_loss=False),
        V1_FOLDERS,
        dropped=("bbox_head.corr_regs.0.",),
    ),
    _detector("v1b_220312", V1._replace(levels=3), V1_FOLDERS),
    _detector("v1b_220411", V1._replace(levels=3, class_embedding=True), V1_FOLDERS),
    _detector("v2", V2, V2_FOLDERS),
    _detector("v2_trainval", V2, V2_FOLDERS),
)

MODELS = {model.name: model for model in (*DETECTORS, *POSE_MODELS)}
