"""What PyTorch got after 2.1, the oldest that the layer runs on: that serves compiling alone."""

import torch

try:
    from torch._higher_order_ops import while_loop
    from torch.compiler import is_compiling as is_traced
    from torch.compiler import is_exporting
except ImportError:
    while_loop = None

    def is_traced() -> bool:
        """Whether a graph is made of the code, which is not done then."""
        return False

    is_exporting = is_traced


OLDEST_COMPILER = "2.13"
"""The first release whose compiler was tried on the layer's loops."""


def can_compile() -> bool:
    """Whether this PyTorch's compiler was tried."""
    return torch.__version__ >= OLDEST_COMPILER


def is_compiling() -> bool:
    """Whether the code is being compiled, and not exported for a runtime with its own kernels."""
    return is_traced() and not is_exporting()
