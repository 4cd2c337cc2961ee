"""Mistakes in a config against defects of a constructor."""

import re

import pytest
from mmdet.models import FPN
from mmengine.registry import Registry

from epropnp_det.engine.build_errors import explain_build_error, settings_of
from epropnp_det.errors import UserError

PARENT = Registry("toy thing", scope="toy_parent")
CHILD = Registry("toy thing", parent=PARENT, scope="toy_child")


@PARENT.register_module()
class Base:
    def __init__(self, depth: int = 1) -> None:
        self.depth = depth


@CHILD.register_module()
class Derived(Base):
    def __init__(self, width: int = 1, **kwargs: int) -> None:
        super().__init__(**kwargs)


@CHILD.register_module()
class Nested:
    def __init__(self, inner: dict) -> None:
        self.inner = CHILD.build(inner)


class Helper:
    def __init__(self, stride: int = 1) -> None:
        self.stride = stride


@CHILD.register_module()
class Delegating:
    def __init__(self, parts: list[dict]) -> None:
        self.parts = [Helper(**part) for part in parts]


@CHILD.register_module()
class Defective:
    def __init__(self, key: str = "absent") -> None:
        {}[key]


@CHILD.register_module()
class Mistaken:
    def __init__(self) -> None:
        Base(size=2)


def explain(cfg: dict) -> str | None:
    with pytest.raises((KeyError, TypeError)) as caught:
        CHILD.build(cfg)
    return explain_build_error(caught.value)


@pytest.mark.parametrize(
    ("cfg", "said"),
    [
        ({"type": "Derivd"}, "'Derivd'.*'Derived'"),
        ({"type": "Bas"}, "'Bas'.*'Base'"),
        ({"type": "Derived", "widht": 2}, "Derived.*'widht'.*'width'"),
        ({"type": "Derived", "dept": 2}, "Derived.*'dept'.*'depth'"),
        ({"type": "Nested", "inner": {"type": "Derived", "widht": 2}}, "Derived.*'width'"),
        ({"type": "Delegating", "parts": [{}, {"strid": 2}]}, "Helper.*'strid'.*'stride'"),
        ({"depth": 2}, "without a type"),
    ],
)
def test_mistakes_are_explained(cfg, said):
    assert re.search(said, explain(cfg))


@pytest.mark.parametrize("name", ["Defective", "Mistaken"])
def test_defects_are_not_explained(name):
    assert explain({"type": name}) is None


def test_error_outside_of_a_build_is_not_explained():
    with pytest.raises(KeyError) as caught:
        {}["absent"]
    assert explain_build_error(caught.value) is None


def test_name_of_another_scope():
    with pytest.raises(KeyError) as caught:
        PARENT.build({"type": "Derived"})
    assert "is of another scope than default_scope" in explain_build_error(caught.value)


def test_assertion_of_a_library_without_words():
    said = "model of the config cannot be used: assert .*num_outs"
    with pytest.raises(UserError, match=said), settings_of("model"):
        FPN([8, 8], 8, num_outs=0)
