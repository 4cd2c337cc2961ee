"""What a run prints, and what it only writes into its log file."""

import logging

import pytest

from epropnp_det.engine.console import quieten

MISMATCH = "The model and loaded state dict do not match exactly\n\n"
MISSING = "missing keys in source state_dict: "
UNEXPECTED = "unexpected key in source state_dict: "


@pytest.fixture
def printed(caplog):
    """Function that tells whether a message reaches a console."""
    logger = logging.getLogger("console of a run")
    shown = []

    class Console(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            shown.append(record.getMessage())

    logger.addHandler(Console())
    quieten(logger)
    quieten(logger)

    def is_printed(message: str) -> bool:
        shown.clear()
        logger.warning(message)
        return bool(shown)

    return is_printed


@pytest.mark.parametrize(
    "message",
    [
        "Epoch(train) [1][1/1]  lr: 1e-4",
        "load model from: weights.pth",
        MISMATCH + MISSING + "layer1.conv1.weight, layer3.0.conv2.conv_offset.weight",
        MISMATCH + UNEXPECTED + "fc.weight, neck.weight",
        "a parameter is skipped since its name is odd",
    ],
)
def test_what_can_be_acted_on_is_printed(printed, message):
    assert printed(message)


@pytest.mark.parametrize(
    "message",
    [
        "\n" + "-" * 60 + "\nSystem environment:\n  sys.platform: linux",
        "Config:\nmodel = dict()",
        "backbone.bn1.bias is skipped since its requires_grad=False",
        "ModulatedDeformConvPack backbone.layer3.1.conv2 is upgraded to version 2.",
        "Loads checkpoint by local backend from path: weights.pth",
        MISMATCH + MISSING + "layer3.0.conv2.conv_offset.weight, layer3.0.conv2.conv_offset.bias\n",
        MISMATCH + UNEXPECTED + "fc.weight, fc.bias\n\n" + MISSING + "a.conv2.conv_offset.bias\n",
    ],
)
def test_what_only_the_file_needs(printed, message):
    assert not printed(message)
