"""What PyTorch got after 2.1, the oldest that the layer runs on: that serves compiling alone."""

import torch

try:
    from torch._higher_order_ops import while_loop
    from torch.compiler import is_compiling
except ImportError:
    while_loop = None

    def is_compiling() -> bool:
        """Whether the code is being compiled, which is not done then."""
        return False


OLDEST_COMPILER = "2.13"
"""The first release whose compiler was tried on the layer's loops."""


def can_compile() -> bool:
    """Whether this PyTorch's compiler was tried."""
    return torch.__version__ >= OLDEST_COMPILER
