import copy
import pickle

import mmengine.config.config as stock
import pytest
from mmengine.config import Config

from epropnp_det.engine.config_text import TextKept


@pytest.fixture
def formatted(monkeypatch) -> list[str]:
    """What the formatter was asked to format."""
    asked, format_code = [], stock.FormatCode

    def listed(text, **settings):
        asked.append(text)
        return format_code(text, **settings)

    monkeypatch.setattr(stock, "FormatCode", listed)
    return asked


def test_is_formatted_when_it_has_changed(formatted):
    plain = Config(dict(a=1, b=dict(c=[2, "d"])))
    kept = TextKept.of(plain)
    for change in (dict(a=2), dict(a=True), {"b.c": [3, "d"]}, dict(a=1), {"b.c": [2, "d"]}):
        kept.merge_from_dict(change)
        formatted.clear()
        text = kept.pretty_text
        assert kept.pretty_text == kept.dump() == text
        assert len(formatted) == 1
        assert text == Config(kept.to_dict()).pretty_text
    assert text == plain.pretty_text


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))]
)
def test_copies_change_alone(copied):
    kept = TextKept.of(Config(dict(a=1, b=dict(c=2))))
    text = kept.pretty_text
    other = copied(kept)
    assert type(other) is TextKept and other.pretty_text == text
    other.a = 5
    assert other.pretty_text == "a = 5\nb = dict(c=2)\n" and kept.pretty_text == text
