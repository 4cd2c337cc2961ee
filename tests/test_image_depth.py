"""Image files of more than 8 bits a channel, and those that are read as they look."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import cv2
import mmcv
import numpy as np
import pytest
from PIL import Image

from epropnp_det.errors import UserError
from epropnp_det.image_depth import channel_type, check_image_depth


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """(56, 100, 3) BGR, uint8."""
    blocks = np.random.default_rng(0).integers(8, 255, (7, 12, 3), dtype=np.uint8)
    blocks[0, 0] = 255
    return cv2.resize(blocks, (100, 56), interpolation=cv2.INTER_NEAREST)


def deep_images(picture: np.ndarray) -> dict[str, np.ndarray]:
    """By name of a file and the highest value that it says is white."""
    wide = picture.astype(np.uint16)
    alpha = np.full(picture.shape[:2], 65535, np.uint16)
    return {
        "twelve.png:4095": wide * 16,
        "grey.png:4095": wide[..., 0] * 16,
        "alpha.png:4095": np.dstack([wide * 16, alpha]),
        "sixteen.png:65535": wide * 257,
        "twelve.tif:4095": wide * 16,
        "sixteen.ppm:65535": wide * 257,
        "unit.tif:1": picture.astype(np.float32) / 255,
        "float.tif:255": picture[..., 0].astype(np.float32),
    }


@pytest.mark.parametrize("name", deep_images(np.zeros((1, 1, 3), np.uint8)))
def test_deep_image_and_its_conversion(picture, tmp_path, name):
    """The command of the message gives the picture in 8 bits."""
    name, white = name.split(":")
    image = deep_images(picture)[f"{name}:{white}"]
    path = tmp_path / name
    plain = [cv2.IMWRITE_TIFF_COMPRESSION, 1]  # not the lossy one of floating-point numbers
    cv2.imwrite(str(path), image, plain if path.suffix == ".tif" else [])
    with pytest.raises(UserError) as error:
        check_image_depth(path)
    bits = "32 floating-point bits" if image.dtype == np.float32 else "16 bits"
    assert f"{name} has {bits} a channel" in str(error.value)
    assert f"makes {white} white" in str(error.value)
    command = shlex.split(re.search("`(.*)`", str(error.value))[1])
    subprocess.run([sys.executable, *command[1:]], cwd=tmp_path, check=True)
    made = tmp_path / f"{path.stem}_8bit.png"
    check_image_depth(made)
    colours = picture if image.ndim == 3 else picture[..., :1]
    assert abs(mmcv.imread(made).astype(int) - colours).max() <= 1


def test_ordinary_images_are_read_as_they_look(picture, tmp_path):
    """Grey, transparent, of few bits or with a palette: OpenCV makes 8 bits of three colours."""
    rgb = Image.fromarray(picture[..., ::-1].copy())
    for suffix in ("png", "tif"):
        transparent = rgb.copy()
        # Of a TIFF file libtiff multiplies colours by the alpha, of which a camera's are full.
        alpha = picture[..., 0].copy() if suffix == "png" else np.full_like(picture[..., 0], 255)
        transparent.putalpha(Image.fromarray(alpha))
        for kind, image in {
            "colour": rgb,
            "alpha": transparent,
            "grey": rgb.convert("L"),
            "grey_alpha": transparent.convert("LA"),
            "palette": rgb.quantize(64),
            "one_bit": rgb.convert("1"),
        }.items():
            path = tmp_path / f"{kind}.{suffix}"
            image.save(path)
            check_image_depth(path)
            np.testing.assert_array_equal(mmcv.imread(path)[..., ::-1], image.convert("RGB"))
    for name in ("a.jpg", "a.bmp", "a.webp"):
        rgb.save(tmp_path / name)
        assert channel_type(tmp_path / name) == np.uint8


def test_files_that_are_no_images(tmp_path: Path):
    (tmp_path / "a.png").write_text("text")
    (tmp_path / "b.png").write_bytes(b"")
    for path in tmp_path.iterdir():
        assert channel_type(path) is None
        check_image_depth(path)
