"""Every public name explains itself, and what its examples claim is true."""

import doctest
import importlib
import inspect
import pkgutil

import pytest
import torch

import epropnp_det.pnp as pnp

MODULES = [
    importlib.import_module(f"{pnp.__name__}.{info.name}")
    for info in pkgutil.iter_modules(pnp.__path__)
]
EXAMPLES = {
    test.name: test
    for module in MODULES
    for test in doctest.DocTestFinder(exclude_empty=True).find(module)
    if test.examples
}
NAMES = {"torch": torch, **{name: getattr(pnp, name) for name in pnp.__all__}}


def run(name: str, names: dict) -> dict:
    """Run the examples of an object and return the names that they have defined."""
    test = EXAMPLES[name]
    test.globs = dict(names)
    report = []
    doctest.DocTestRunner(verbose=False).run(test, out=report.append, clear_globs=False)
    assert not report, "".join(report)
    return test.globs


@pytest.fixture(scope="module")
def names() -> dict:
    """What an example may use: torch, the public names, and the problem of PnPProblem's."""
    return run("epropnp_det.pnp.problem.PnPProblem", NAMES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_run(name, names):
    run(name, names)


@pytest.mark.parametrize("name", pnp.__all__)
def test_public_name_has_an_example_and_documented_methods(name):
    public = getattr(pnp, name)
    assert f"{public.__module__}.{name}" in EXAMPLES
    undocumented = [
        member
        for member, value in inspect.getmembers(public)
        if not member.startswith("_")
        and (inspect.isroutine(value) or isinstance(value, property))
        and not inspect.getdoc(value)
    ]
    assert not undocumented
