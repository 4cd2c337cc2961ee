"""What examples in docstrings claim is true; those of the PnP layer have a test of their own."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest
import torch

from epropnp_det import pnp

PACKAGE = Path(pnp.__file__).parents[1]
MODULES = [
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    for path in sorted(PACKAGE.rglob("*.py"))
    if ">>> " in path.read_text() and path.parent.name != "pnp"
]


@pytest.fixture(scope="module")
def names() -> dict:
    """What an example may use besides its module: the layer, and the problem of PnPProblem's."""
    known = {"torch": torch, **{name: getattr(pnp, name) for name in pnp.__all__}}
    (example,) = doctest.DocTestFinder(recurse=False).find(pnp.PnPProblem, globs=known)
    doctest.DocTestRunner(verbose=False).run(example, out=lambda _: None, clear_globs=False)
    return {key: value for key, value in example.globs.items() if key != "__name__"}


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name, names):
    result = doctest.testmod(import_module(name), extraglobs=names)
    assert result.attempted > 0 and result.failed == 0
