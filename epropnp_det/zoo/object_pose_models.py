"""The published 6 DoF models."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .published_model import PublishedModel, SharedFolder

LINEMOD_CLASSES = (
    "ape",
    "benchvise",
    "camera",
    "can",
    "cat",
    "driller",
    "duck",
    "eggbox",
    "glue",
    "holepuncher",
    "iron",
    "lamp",
    "phone",
)
"""The 13 objects of LineMOD that the protocol keeps, by BOP's number."""

# As the pages of the published implementations name them: that of v1b and CDPN, and that of v2.
V1_FOLDERS = (
    SharedFolder("https://drive.google.com/drive/folders/1Jem2XsdHxr3ETRsZYqyTUmo5F3TmJGfO"),
    SharedFolder("https://pan.baidu.com/s/19QxntwH22O4g2oYJWMBsLg?pwd=afa8"),
)
V2_FOLDERS = (
    SharedFolder("https://drive.google.com/drive/folders/10lUCUQKGGL7IEUHJ4KwWfnCyqbjTapQb"),
)


class PoseStructure(NamedTuple):
    """What the parameter names of a published 6 DoF network say of it.

    Attributes:
        weights: correspondences have weights; otherwise it is the first stage of CDPN, whose last
            layer gives coordinates and a mask.
    """

    weights: bool

    @classmethod
    def of(cls, names: Iterable[str]) -> PoseStructure | None:
        """Structure of a state dict, by its published names; None if it is of another network."""
        names = set(names)
        if "rot_head_net.features.0.weight" not in names:
            return None
        return cls("rot_head_net.out_layer.weight" in names)


def _model(name: str, folders: tuple[SharedFolder, ...], epochs: int = 160) -> PublishedModel:
    variant = name.removeprefix("6dof_")
    config = f"epropnp-6dof-{variant.replace('_', '-')}_r34_1xb32-{epochs}e_lm.py"
    return PublishedModel(
        name,
        PoseStructure(weights=True),
        folders,
        published_config=f"epropnp_{variant}",
        config=f"configs/epropnp_6dof/{config}",
        classes=LINEMOD_CLASSES,
    )


POSE_MODELS = (
    _model("6dof_basic", V1_FOLDERS),
    _model("6dof_reg_loss", V1_FOLDERS),
    _model("6dof_cdpn_init", V1_FOLDERS),
    _model("6dof_cdpn_init_long", V1_FOLDERS, epochs=320),
    _model("6dof_v2_no_model", V2_FOLDERS),
    _model("6dof_v2_cdpn_init", V2_FOLDERS),
    # What trainings start from.
    PublishedModel(
        "cdpn_stage_1",
        PoseStructure(weights=False),
        V1_FOLDERS,
        published_config="cdpn_stage_1",
        config="configs/epropnp_6dof/epropnp-6dof-cdpn-init_r34_1xb32-160e_lm.py",
        classes=LINEMOD_CLASSES,
        dropped=("rot_head_net.features.27.", "trans_head_net."),
        absent=("coordinate_head.out_layer.", "coordinate_head.scale_branch.", "pose_head."),
    ),
)
