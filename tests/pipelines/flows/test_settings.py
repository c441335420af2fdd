"""`-S section.key=value` of the command line: each wrong setting is one message."""

import pytest

from pipelines.flows.settings import nested
from pix2pix.errors import UserError


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (["a.b=1", "a.b.c=2"], r"a\.b and a\.b\.c cannot both be set"),
        (["a.b.c=2", "a.b=1"], r"a\.b and a\.b\.c cannot both be set"),
        (["a.b={c: 1}", "a.b.c=2"], r"a\.b and a\.b\.c cannot both be set"),
        (["a.b=null", "a.b.c.d=2"], r"a\.b and a\.b\.c\.d cannot both be set"),
        (["a.b=[1]", "a.b.c=2"], r"a\.b and a\.b\.c cannot both be set"),
        (["a.b=1", "a.b=1"], r"a\.b is given twice"),
        (["a.b=[1"], r"a\.b=\[1: the value is not valid YAML"),
        (["a.b={x: 1, x: 2}"], "not valid YAML"),
        (["a.b=2024-01-01"], "neither text, number, list nor mapping"),
        (["a.b=!!binary aGk="], "neither text, number, list nor mapping"),
        (["a.b=!!set {x}"], "neither text, number, list nor mapping"),
        (["a.b=&x [*x]"], "the value: line 1 contains itself"),
        (["a.b=" + "[" * 5000 + "]" * 5000], "nested more than 32 levels"),
        (["a.b=!!python/object/apply:os.getcwd []"], "not valid YAML"),
        (["seed=1"], r"write section\.key=value"),
        (["a.b"], r"write section\.key=value"),
        (["=1"], r"write section\.key=value"),
        (["a.=1"], r"write section\.key=value"),
        ([".b=1"], r"write section\.key=value"),
        (["a..b=1"], r"write section\.key=value"),
        ([""], r"write section\.key=value"),
    ],
)
def test_a_setting_that_cannot_hold_is_one_message(settings: list[str], reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        nested(settings)


def test_neighbours_whose_names_begin_alike_are_no_contradiction() -> None:
    assert nested(["a.b=1", "a.bc=2", "a.d.b=", "ab.b==x"]) == {
        "a": {"b": 1, "bc": 2, "d": {"b": None}},
        "ab": {"b": "=x"},
    }
