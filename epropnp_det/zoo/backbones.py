"""The pretrained backbones that our configs start from, and where they are kept."""

from __future__ import annotations

from pathlib import Path

from .download import RemoteFile

BACKBONES = {
    # As mmengine lists them for torchvision://resnet34 and torchvision://resnet101.
    "resnet34": RemoteFile.at("https://download.pytorch.org/models/resnet34-b627a593.pth"),
    "resnet101": RemoteFile.at("https://download.pytorch.org/models/resnet101-63fe2227.pth"),
    # Its publishers state no checksum. Size and SHA-384 are those of OpenVINO's Open Model Zoo,
    # models/public/swin-tiny-patch4-window7-224/model.yml, for the file of this address.
    "swin-t": RemoteFile(
        "https://github.com/SwinTransformer/storage/releases/download/v1.0.0/"
        "swin_tiny_patch4_window7_224.pth",
        114342173,
        "210021216e1f205617d885836b1ac59d725b8c41dbff8dc4"
        "c513e838911436b0b75e06529737e472d3167519a7c1a6ad",
        hosts=None,
        algorithm="sha384",
    ),
}


def backbone_at(url: str) -> str | None:
    """Name of the backbone at an address; None if it is none of ours."""
    return next((name for name, file in BACKBONES.items() if file.url == url), None)


def hub_folder() -> Path:
    """Folder in which torch.hub, and so mmengine, looks for a file before fetching it."""
    from torch import hub

    return Path(hub.get_dir(), "checkpoints")
