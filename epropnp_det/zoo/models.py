"""The published models: which they are, and how a file tells which of them it holds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from .download import RemoteFile


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


@dataclass(frozen=True)
class PublishedModel:
    """A published model.

    Attributes:
        name: name in the command lines.
        structure: what its parameter names say.
        dropped: prefixes of published parameters that the network has no use for.
        file: where its weights are; None where address and checksum are not known.
    """

    name: str
    structure: Structure
    dropped: tuple[str, ...] = ()
    file: RemoteFile | None = None

    @property
    def config(self) -> str:
        """Path of its config from the root of the repository."""
        variant = self.name.removesuffix("_trainval")
        data = "nus-mono3d-trainval" if variant != self.name else "nus-mono3d"
        variant = variant.replace("_", "-")
        return f"configs/epropnp_det/epropnp-det-{variant}_r101-dcn_fpn_4xb3-12e_{data}.py"


MODELS = {
    model.name: model
    for model in (
        PublishedModel("basic", V1),
        PublishedModel("coord_regr", V1),
        PublishedModel("coord_regr_trainval", V1),
        # Trained without auxiliary losses, it never used the map that these read off.
        PublishedModel(
            "no_reproj", V1._replace(auxiliary_loss=False), dropped=("bbox_head.corr_regs.0.",)
        ),
        PublishedModel("v1b_220312", V1._replace(levels=3)),
        PublishedModel("v1b_220411", V1._replace(levels=3, class_embedding=True)),
        PublishedModel("v2", Structure(2, 3, True, True)),
        PublishedModel("v2_trainval", Structure(2, 3, True, True)),
    )
}
