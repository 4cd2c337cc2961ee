"""Settings compared with the types that a constructor declares."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, List, Optional, Tuple, Union  # noqa: UP035  as stock code declares

import pytest
import torch

from epropnp_det.errors import UserError
from epropnp_det.setting_types import check_setting_types


class Base:
    def __init__(
        self,
        inherited: int,
        old: Optional[List[float]] = None,  # noqa: UP006, UP045
        hidden: str = None,
    ) -> None:
        pass


class Taker(Base):
    def __init__(
        self,
        count: int = 0,
        share: float = 0.5,
        flag: bool = False,
        name: str | None = None,
        pair: tuple[int, str] = (1, "a"),
        many: Sequence[tuple[float, float]] = (),
        steps: Sequence[dict | Callable] = (),
        part: dict | None = None,
        module: Union[torch.nn.Module, dict, None] = None,  # noqa: UP007
        place: Path | str = ".",
        some: Tuple[int, ...] = (),  # noqa: UP006
        anything: Any = None,
        whatever: object = None,
        undeclared=None,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)


class Closed(Base):
    """Does not hand arguments on to its base."""

    def __init__(self, own: int = 0) -> None:
        super().__init__(1)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        dict(count=3, share=1, flag=True, name=None),
        dict(share=float("inf")),
        dict(pair=[2, "b"], many=[[1, 2], (3.5, 4)]),
        dict(many=(), steps=[{"type": "A"}, len], some=[1, 2, 3]),
        dict(part=None, module={"type": "A"}, place="/tmp"),
        dict(module=torch.nn.Identity(), place=Path()),
        dict(anything="x", whatever=3, undeclared="x", unknown=1),
        dict(inherited=1, old=None, hidden=None),
        dict(inherited=1, old=(1, 2.5), hidden="x"),
    ],
)
def test_what_fits(settings):
    check_setting_types(Taker, settings)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (dict(count="abc"), "count is 'abc': give a whole number."),
        (dict(count=2.5), "count is 2.5: give a whole number."),
        (dict(count=True), "count is True: give a whole number."),
        (dict(count=None), "count is None: give a whole number."),
        (dict(share="0.5"), "share is '0.5': give a number."),
        (dict(flag=1), "flag is 1: give True or False."),
        (dict(name=3), "name is 3: give a text or None."),
        (dict(pair=(1, 2)), "pair is (1, 2): give a list (a whole number, a text)."),
        (dict(pair=(1,)), "pair is (1,): give a list (a whole number, a text)."),
        (dict(many=[1, 2]), "many is [1, 2]: give a list (a list (a number, a number) each)."),
        (dict(steps=[1]), "steps is [1]: give a list (a dict each)."),
        (dict(steps=None), "steps is None: give a list (a dict each)."),
        (dict(part=[]), "part is []: give a dict or None."),
        (dict(module="A"), "module is 'A': give a dict or None."),
        (dict(place=1), "place is 1: give a text."),
        (dict(inherited="a"), "inherited is 'a': give a whole number."),
        (dict(old=["a"]), "old is ['a']: give a list (a number each) or None."),
    ],
)
def test_what_does_not(settings, said):
    with pytest.raises(UserError) as error:
        check_setting_types(Taker, settings, "model.taker")
    assert str(error.value) == f"model.taker.{said}"


def test_arguments_that_a_class_keeps_from_its_base_are_not_judged():
    check_setting_types(Closed, {"inherited": "a"})
    with pytest.raises(UserError, match="^own is 'a'"):
        check_setting_types(Closed, {"own": "a"})
