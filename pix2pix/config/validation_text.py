"""What pydantic finds wrong with a file or a parameter, as a user reads it.

pydantic's own text has several lines, names its classes and ends with addresses of its manual.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from pix2pix.config.patterns import WORDS
from pix2pix.errors import UserError
from pix2pix.plural import counted

Place = Sequence[int | str]  # of a value: the keys and indices that lead to it

_T = TypeVar("_T")

_WHERE_ALL_KEYS_ARE = "params/default.yaml has each key: copy from there what is missing"
_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
_MAX_PARTS = 5  # of a place
_MAX_PLACE, _MAX_VALUE = 60, 120  # characters


def checked_json(
    adapter: TypeAdapter[_T], content: bytes | str, *, refusal: str, remedy: str
) -> _T:
    """Return the value in JSON that a program wrote, validated.

    `refusal` names the file and says what it is not, `remedy` what to do; they frame the message of
    the UserError that is raised if the content is wrong.
    """
    try:
        return adapter.validate_json(content)
    except ValidationError as error:
        raise UserError(f"{refusal}: {first_wrong(error.errors())}; {remedy}") from None


def dotted(place: Place) -> str:
    """The place as it is written in params.yaml and in messages: train.beta1."""
    return _shortened(".".join(str(part) for part in place[:_MAX_PARTS]), _MAX_PLACE)


def first_wrong(problems: Sequence[Any], *, named: Callable[[Place], str] = dotted) -> str:
    """The first wrong value in one line, and how many others there are.

    `problems` are the `errors()` of a ValidationError or of FastAPI's error of the same kind.
    """
    first, *others = problems
    more = f", and {len(others)} more" if others else ""
    return f"{_line(first, named)}{more}"


def all_wrong(problems: Sequence[Any]) -> str:
    """How many parameters are wrong; then a line for each: its dotted place, reason and value."""
    head = counted(len(problems), "wrong parameter")
    lines = "\n  ".join([head, *(_line(problem, dotted) for problem in problems)])
    is_missing = any(problem["type"] == "missing" for problem in problems)
    return f"{lines}\n{_WHERE_ALL_KEYS_ARE}" if is_missing else lines


def _line(problem: Any, named: Callable[[Place], str]) -> str:
    reason = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] in _UNKNOWN:  # its own words are those of a programmer
        reason = "there is no such key"
    if problem["type"] == "missing":
        reason = "it is missing"
    if problem["type"] == "string_pattern_mismatch":
        reason = WORDS.get(problem["ctx"]["pattern"], reason)
    place = named(problem["loc"])
    if place:
        reason = f"{place}: {reason}"
    value = problem["input"]
    # A mapping is named by its place; a missing key and text that is no JSON have no value.
    if isinstance(value, dict) or problem["type"] in ("missing", "json_invalid"):
        return reason
    return f"{reason} (got {_value_text(value)}{_remedy(problem['type'], value)})"


def _remedy(kind: str, value: Any) -> str:
    """How to write a value that is text in YAML 1.2, though not to a reader or in YAML 1.1."""
    if kind == "bool_type" and isinstance(value, str):
        return "; write true or false, without quotes"
    if kind in ("int_type", "float_type") and isinstance(value, str):
        with suppress(ValueError):
            float(value)
            return "; write it without quotes"
    return ""


def _value_text(value: Any) -> str:
    """A value as text, without a login, and shortened if it is long."""
    return _shortened(re.sub(r"(?<=://)[^/\s]*@", "***@", repr(value)), _MAX_VALUE)


def _shortened(text: str, num_characters: int) -> str:
    return text if len(text) <= num_characters else f"{text[:num_characters]}..."
