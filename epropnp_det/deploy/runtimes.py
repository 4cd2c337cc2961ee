"""The libraries that run an exported file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from .description import KEY

LONGEST_METADATA = 2**20
"""Bytes at the end of a file among which ours begin."""

Feeds = Mapping[str, np.ndarray]


class OnnxRuntime:
    """A file in ONNX Runtime, on the CPU.

    Args:
        path: the file.
        threads: how many to compute with; None for as many as there are cores.

    Attributes:
        metadata: of the file.
    """

    def __init__(self, path: str, threads: int | None = None) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        options.log_severity_level = 3  # of a graph's shapes it warns where all is well
        self._session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        self._names = [output.name for output in self._session.get_outputs()]
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map

    def __call__(self, feeds: Feeds) -> dict[str, np.ndarray]:
        """Outputs by name."""
        return dict(zip(self._names, self._session.run(None, dict(feeds)), strict=True))


@cache
def _core() -> Any:
    """OpenVINO's, one a process: its libraries must not be unloaded under their own threads."""
    import openvino

    return openvino.Core()


class OpenVino:
    """A file in OpenVINO, on the CPU, in single precision; arguments as of :class:`OnnxRuntime`."""

    def __init__(self, path: str, threads: int | None = None) -> None:
        core = _core()
        model = core.read_model(path)
        # Some processors would be given bfloat16 to compute with unasked.
        settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        if threads is not None:
            settings["INFERENCE_NUM_THREADS"] = threads
        self._model = core.compile_model(model, "CPU", settings)
        self._names = [output.get_any_name() for output in self._model.outputs]
        about = model.get_rt_info()
        # As words of Python: what they come from must not outlive the model.
        self.metadata: dict[str, str] = {
            key: str(value.value)
            for group, told in about.items()
            if group == "framework"
            for key, value in told.items()
        }

    def __call__(self, feeds: Feeds) -> dict[str, np.ndarray]:
        """Outputs by name."""
        return dict(zip(self._names, self._model(dict(feeds)).values(), strict=True))


RUNTIMES: dict[str, Callable] = {"onnxruntime": OnnxRuntime, "openvino": OpenVino}
"""By the module that each needs; the first that is installed is the default."""


def open_file(
    path: str | Path, runtime: str | None = None, threads: int | None = None
) -> OnnxRuntime | OpenVino:
    """Load a file.

    Args:
        path: the file.
        runtime: one of :data:`RUNTIMES`; None for the first that is installed.
        threads: how many to compute with; None for as many as there are cores.

    Raises:
        UserError: the file is missing, cut short or not one of ours, or there is no such runtime.
    """
    path = str(path)
    installed = [name for name in RUNTIMES if find_spec(name)]
    if runtime is not None and runtime not in RUNTIMES:
        raise UserError(f"there is no runtime {runtime!r}: give {' or '.join(RUNTIMES)}.")
    if not installed or (runtime or installed[0]) not in installed:
        name = runtime or "onnxruntime"
        raise UserError(f"{name} is not installed: run `pip install {name}`.")
    if not Path(path).is_file():
        raise UserError(f"the file {path} does not exist: write it with tools/export.py.")
    _check_whole(path)
    try:
        return RUNTIMES[runtime or installed[0]](path, threads)
    # Runtimes derive what they raise of a file from RuntimeError, or from Exception itself.
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{path} cannot be loaded by {runtime or installed[0]} ({json.dumps(reason[:200])}): "
            "write it anew with tools/export.py."
        ) from error


def _check_whole(path: str) -> None:
    """Leave other files alone: of what is no ONNX file OpenVINO tries every format that it knows.

    The metadata are the last part of a file.

    Raises:
        UserError: it does not begin as an ONNX file, or does not end with our metadata.
    """
    with open(path, "rb") as file:
        begin = file.read(1)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - LONGEST_METADATA, 0))
        end = file.read()
    if begin != b"\x08" or KEY.encode() not in end:
        raise UserError(
            f"{path} was not written by tools/export.py, or is cut short: write or copy it anew."
        )
