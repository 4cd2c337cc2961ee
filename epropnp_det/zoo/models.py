"""The published models: which they are, where, and how a file tells which of them it holds."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
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
V2 = Structure(version=2, levels=3, class_embedding=True, auxiliary_loss=True)


@dataclass(frozen=True)
class SharedFolder:
    """A folder that is opened in a browser: its address leads to no file.

    Attributes:
        url: its address.
        subfolder: which of its folders holds the files; None where it holds them itself.
    """

    url: str
    subfolder: str | None = None

    def __str__(self) -> str:
        return f"{self.url} (folder {self.subfolder})" if self.subfolder else self.url


# As the pages of the published implementations name them: that of v1 and v1b, and that of v2.
V1_FOLDERS = (
    SharedFolder("https://drive.google.com/drive/folders/1AWRg09fkt66I8rgrp33Lwb9l6-D6Gjrg"),
    SharedFolder("https://pan.baidu.com/s/1j7xgkwD-rcxHMaNupRP_bQ?pwd=cx5b", "EPro-PnP-Det"),
)
V2_FOLDERS = (
    SharedFolder("https://drive.google.com/drive/folders/1D24OSyMPCifzOeowlltRGHN4m1vhDrTx"),
)


@dataclass(frozen=True)
class PublishedModel:
    """A published model.

    Attributes:
        name: name in the command lines.
        structure: what its parameter names say.
        folders: where its authors share its weights, any of them.
        dropped: prefixes of published parameters that the network has no use for.
        file: its weights where a program can fetch them; None where only the folders are known.
    """

    name: str
    structure: Structure
    folders: tuple[SharedFolder, ...]
    dropped: tuple[str, ...] = ()
    file: RemoteFile | None = None

    @property
    def published_config(self) -> str:
        """Name that its authors gave its config, by which its file is found among the others."""
        return f"epropnp_det_{self.name}"

    @property
    def config(self) -> str:
        """Path of its config from the root of the repository."""
        variant = self.name.removesuffix("_trainval")
        data = "nus-mono3d-trainval" if variant != self.name else "nus-mono3d"
        variant = variant.replace("_", "-")
        return f"configs/epropnp_det/epropnp-det-{variant}_r101-dcn_fpn_4xb3-12e_{data}.py"

    def conversion(self, target: str | Path, source: str | Path = "FILE") -> str:
        """Command that converts its published file to a checkpoint for its config.

        Args:
            target: the checkpoint to write.
            source: the published file.
        """
        tool = ("python", "tools/convert_checkpoint.py")
        return shlex.join((*tool, str(source), str(target), "--model", self.name))


MODELS = {
    model.name: model
    for model in (
        PublishedModel("basic", V1, V1_FOLDERS),
        PublishedModel("coord_regr", V1, V1_FOLDERS),
        PublishedModel("coord_regr_trainval", V1, V1_FOLDERS),
        # Trained without auxiliary losses, it never used the map that these read off.
        PublishedModel(
            "no_reproj",
            V1._replace(auxiliary_loss=False),
            V1_FOLDERS,
            dropped=("bbox_head.corr_regs.0.",),
        ),
        PublishedModel("v1b_220312", V1._replace(levels=3), V1_FOLDERS),
        PublishedModel("v1b_220411", V1._replace(levels=3, class_embedding=True), V1_FOLDERS),
        PublishedModel("v2", V2, V2_FOLDERS),
        PublishedModel("v2_trainval", V2, V2_FOLDERS),
    )
}
