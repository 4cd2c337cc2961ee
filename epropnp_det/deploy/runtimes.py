"""The libraries that run an exported file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ..errors import UserError

Feeds = Mapping[str, np.ndarray]


class OnnxRuntime:
    """A file in ONNX Runtime, on the CPU.

    Args:
        path: the file.
        threads: how many to compute with; None for as many as there are cores.
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

    @property
    def metadata(self) -> dict[str, str]:
        """Of the file."""
        return self._session.get_modelmeta().custom_metadata_map

    def __call__(self, feeds: Feeds) -> dict[str, np.ndarray]:
        """Outputs by name."""
        return dict(zip(self._names, self._session.run(None, dict(feeds)), strict=True))


class OpenVino:
    """A file in OpenVINO, on the CPU, in single precision; arguments as of :class:`OnnxRuntime`."""

    def __init__(self, path: str, threads: int | None = None) -> None:
        import openvino

        core = openvino.Core()
        model = core.read_model(path)
        # Some processors would be given bfloat16 to compute with unasked.
        settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        if threads is not None:
            settings["INFERENCE_NUM_THREADS"] = threads
        self._model = core.compile_model(model, "CPU", settings)
        self._names = [output.get_any_name() for output in self._model.outputs]
        self._about = model.get_rt_info()

    @property
    def metadata(self) -> dict[str, str]:
        """Of the file."""
        if "framework" not in self._about:
            return {}
        return {key: value.value for key, value in self._about["framework"].items()}

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
        UserError: the file is missing or no ONNX file, or there is no such runtime.
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
    try:
        return RUNTIMES[runtime or installed[0]](path, threads)
    # Runtimes derive what they raise of a file from RuntimeError, or from Exception itself.
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{path} cannot be loaded by {runtime or installed[0]} ({json.dumps(reason[:200])}): "
            "write it anew with tools/export.py."
        ) from error
