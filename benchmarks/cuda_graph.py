"""A call of the layer as a CUDA graph, which spares the host everything but the launch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


class CapturedCall:
    """A function without arguments, captured at its first call and replayed from then on.

    It solves whatever lies in its inputs at the time; what it returns lies in the same tensors
    each time.
    """

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self) -> Any:
        if self._graph is None:
            self._capture()
        self._graph.replay()
        return self._result

    def _capture(self) -> None:
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(2):  # compiles, and fills caches
                self._function()
        torch.cuda.current_stream().wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._result = self._function()
