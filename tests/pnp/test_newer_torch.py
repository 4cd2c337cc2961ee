"""The layer on a PyTorch whose compiler was not tried."""

import subprocess
import sys

import pytest
import torch

from epropnp_det.pnp import RandomSampleSolver, backend
from epropnp_det.pnp.newer_torch import can_compile


@pytest.mark.parametrize(
    ("version", "tried"), [("2.1.2+cu121", False), ("2.9.1", False), ("2.13.0", True)]
)
def test_which_compilers_were_tried(monkeypatch, version, tried):
    monkeypatch.setattr(torch, "__version__", torch.torch_version.TorchVersion(version))
    assert can_compile() == tried


def test_runs_as_it_is_where_the_compiler_was_not_tried(make_problem, monkeypatch, recwarn):
    fresh = backend._compiled_backend.__wrapped__()
    monkeypatch.setattr(backend, "_compiled_backend", lambda: fresh)
    monkeypatch.setattr(backend, "can_compile", lambda: False)
    problem, _ = make_problem(batch=2)
    results = [RandomSampleSolver(4, compile=compile)(problem) for compile in (True, False)]
    torch.testing.assert_close(results[0].pose[:, :3], results[1].pose[:, :3], rtol=0, atol=1e-3)
    told = [str(warning.message) for warning in recwarn]
    assert any("install PyTorch 2.13 or newer, or pass compile=False" in text for text in told)


def test_imports_without_what_is_newer():
    code = (
        "import torch, torch._higher_order_ops\n"
        "vars(torch._higher_order_ops).pop('while_loop', None)\n"
        "vars(torch.compiler).pop('is_compiling', None)\n"
        "import sys\n"
        "sys.modules['torch._higher_order_ops.while_loop'] = None\n"
        "import epropnp_det.pnp\n"
        "from epropnp_det.pnp import newer_torch\n"
        "assert newer_torch.while_loop is None and not newer_torch.is_compiling()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
