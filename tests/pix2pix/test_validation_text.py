"""What pydantic finds wrong, as a user reads it."""

from dataclasses import dataclass, field
from typing import Annotated

import pytest
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from pix2pix.config.patterns import DOTTED_KEY, WORDS
from pix2pix.config.validation_text import all_wrong, checked_json, first_wrong
from pix2pix.errors import UserError


@dataclass
class Part:
    """A section."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    count: Annotated[int, Field(ge=1)]
    key: Annotated[str, Field(pattern=DOTTED_KEY)] = "train.seed"
    site: Annotated[str, Field(max_length=30)] = ""

    def __post_init__(self) -> None:
        if self.count == 13:
            raise ValueError("13 is no good count")


@dataclass
class Whole:
    """All of a file."""

    parts: list[Part] = field(default_factory=list)


WHOLE = TypeAdapter(Whole)


def problems(text: str) -> list[object]:
    with pytest.raises(ValidationError) as error:
        WHOLE.validate_json(text)
    return list(error.value.errors())


@pytest.mark.parametrize(
    ("part", "line"),
    [
        ('{"count": 0}', "count: Input should be greater than or equal to 1 (got 0)"),
        ("{}", "count: it is missing"),
        ('{"count": 1, "more": 2}', "more: there is no such key (got 2)"),
        ('{"count": 1, "key": "seed"}', f"key: {WORDS[DOTTED_KEY]} (got 'seed')"),
    ],
)
def test_a_wrong_value_is_one_line_with_place_reason_and_value(part: str, line: str) -> None:
    assert first_wrong(problems(f'{{"parts": [{part}]}}')) == f"parts.0.{line}"


def test_what_concerns_a_whole_section_is_named_by_the_section_without_its_values() -> None:
    assert first_wrong(problems('{"parts": [{"count": 13}]}')) == "parts.0: 13 is no good count"


def test_the_first_of_several_is_told_and_the_others_counted_or_all_are_told() -> None:
    found = problems('{"parts": [{"count": 0}, {"count": -1}, {}]}')
    assert first_wrong(found).endswith("(got 0), and 2 more")
    assert [line.partition(":")[0] for line in all_wrong(found).splitlines()] == [
        "3 wrong parameters",
        "  parts.0.count",
        "  parts.1.count",
        "  parts.2.count",
        "params/default.yaml has each key",
    ]
    assert "default.yaml" not in all_wrong(found[:2])  # nothing is missing


def test_long_values_and_places_are_shortened_and_logins_hidden() -> None:
    site = "https://me:secret@host/" + "x" * 1000
    line = first_wrong(problems(f'{{"parts": [{{"count": 1, "site": "{site}"}}]}}'))
    assert "https://***@host/xx" in line
    assert "secret" not in line
    assert len(line) < 250
    assert len(first_wrong(problems(f'{{"parts": [{{"count": 1, "{"k" * 999}": 1}}]}}'))) < 150


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"parts": 1}', b"\xff"])
def test_a_wrong_file_is_refused_in_one_line_that_ends_with_the_remedy(content: bytes) -> None:
    with pytest.raises(UserError) as error:
        checked_json(WHOLE, content, refusal="x.json is no whole", remedy="make it again")
    text = str(error.value)
    assert text.startswith("x.json is no whole: ")
    assert text.endswith("; make it again")
    assert "\n" not in text
    assert "pydantic" not in text


def test_a_sound_file_is_its_value() -> None:
    whole = checked_json(WHOLE, b'{"parts": [{"count": 2}]}', refusal="", remedy="")
    assert whole == Whole([Part(2)])
