"""Options that tools share."""

import argparse
import subprocess
import sys

import pytest

from epropnp_det.command_line import (
    NUSCENES_VERSIONS,
    ToolParser,
    add_cfg_options,
    add_runner_arguments,
    image_size,
    positive,
    score,
)
from epropnp_det.devkits import splits_of


@pytest.fixture
def parser() -> ToolParser:
    parser = ToolParser("A tool.", prog="tool")
    add_runner_arguments(parser)
    return parser


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["c.py", "--work-dri", "x"], "did you mean --work-dir?"),
        (["c.py", "--work-dri=x"], "there is no option --work-dri: did you mean --work-dir?"),
        (["c.py", "--zebra"], "there is no option --zebra: see `tool --help`"),
        (["c.py", "--cfg-options", "key"], "'key' is not of the form key=value"),
        (["c.py", "--cfg-options", "=3"], "'=3' is not of the form key=value"),
        (["c.py", "--launcher", "ssh"], "invalid choice: 'ssh'"),
        ([], "required: config"),
    ],
)
def test_wrong_words(parser, capsys, arguments, said):
    with pytest.raises(SystemExit) as stop:
        parser.parse_args(arguments)
    assert stop.value.code == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_values():
    assert positive("3") == 3
    assert score("0.25") == 0.25
    for convert, text in ((positive, "0"), (positive, "-1"), (positive, "two"), (positive, "1.5")):
        with pytest.raises(argparse.ArgumentTypeError, match=text):
            convert(text)
    for text in ("-0.1", "1.1", "nan", "high"):
        with pytest.raises(argparse.ArgumentTypeError, match=text):
            score(text)
    assert image_size("640X480") == (640, 480)
    for text in ("640", "x480", "640x", "-640x480"):
        with pytest.raises(argparse.ArgumentTypeError, match=text):
            image_size(text)


def test_options_are_left_for_the_config_to_read():
    parser = ToolParser("A tool.")
    add_cfg_options(parser)
    found = parser.parse_args(["--cfg-options", "a.b=1", "c=[1,2]"])
    assert found.cfg_options == ["a.b=1", "c=[1,2]"]


def test_versions_are_those_with_splits():
    assert all(splits_of(version) for version in NUSCENES_VERSIONS)
    assert splits_of("v1.2-test") == {"test": "test"}
    assert splits_of("v1.0") == splits_of("v1.0-mini2") == {}


def test_nothing_heavy_is_imported():
    heavy = ("torch", "numpy", "mmengine", "mmcv", "mmdet3d", "nuscenes", "matplotlib", "cv2")
    code = f"import sys, epropnp_det.command_line; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
