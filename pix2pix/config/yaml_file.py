"""Reading YAML files that may be wrong or made to do harm.

A short file can stand for gigabytes (an alias repeats a value, which may contain aliases), contain
itself, or be nested deeper than a parser can follow. So the size of all its values is measured
before anything is built from it.
"""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    ScalarEvent,
)

from pix2pix.errors import UserError

_MAX_CHARACTERS = 1_000_000  # of the file, and of all values with their aliases replaced
_MAX_DEPTH = 32


def read_yaml(path: Path) -> Any:
    """Return the values in a YAML 1.2 file (as DVC reads it); None for an empty file.

    Raises UserError naming the file if it is missing, is not YAML, or is too large.
    """
    return parse_yaml(read_yaml_text(path), source=str(path))


def read_yaml_text(path: Path) -> str:
    """Return the text of a YAML file after a check. Raises UserError as `read_yaml` does."""
    if not path.is_file():
        raise UserError(f"{path} is missing, or no plain file; correct its name")
    if path.stat().st_size > _MAX_CHARACTERS:
        raise UserError(f"{path} has {path.stat().st_size} bytes; parameters take less than 1 MB")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} is not UTF-8 text: {error.reason} at byte {error.start}; save it as UTF-8"
        ) from None
    except OSError as error:
        raise UserError(
            f"{path} cannot be read: {error.strerror}; see that you may read it"
        ) from None
    check_yaml(text, source=str(path))
    return text


def parse_yaml(text: str, *, source: str) -> Any:
    """Return the values of YAML text. Raises UserError naming `source`."""
    check_yaml(text, source=source)
    try:
        return YAML(typ="safe").load(text)
    except _YAML_ERRORS as error:
        raise _invalid(source, text, error) from None


def check_yaml(text: str, *, source: str) -> None:
    """Raise UserError unless `text` is YAML whose values, without aliases, are small enough."""
    try:
        _check_size(text, source=source)
    except UserError:
        raise
    except _YAML_ERRORS as error:
        raise _invalid(source, text, error) from None


# If the text does not fit its tag (`!!int "a"`), the error is any of those of the conversion.
_YAML_ERRORS = (
    YAMLError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)


def _check_size(text: str, *, source: str) -> None:
    """Raise UserError if the values of `text` are too large or too deep.

    The events of the parser are read one by one, without recursion, and their sizes added up.
    """
    sizes: dict[str, int] = {}  # of each anchor that is complete
    open_sizes, open_anchors = [0], [""]
    for event in YAML(typ="safe").parse(text):
        match event:
            case CollectionStartEvent():
                open_sizes.append(1)
                open_anchors.append(event.anchor or "")
                if len(open_sizes) > _MAX_DEPTH:
                    raise _size_error(
                        source, event, f"is nested more than {_MAX_DEPTH} levels deep"
                    )
            case CollectionEndEvent():
                size, anchor = open_sizes.pop(), open_anchors.pop()
                sizes |= {anchor: size} if anchor else {}
                open_sizes[-1] += size
            case ScalarEvent():
                sizes |= {event.anchor: len(event.value) + 1} if event.anchor else {}
                open_sizes[-1] += len(event.value) + 1
            case AliasEvent():
                if event.anchor in open_anchors:
                    raise _size_error(source, event, f"contains itself (*{event.anchor})")
                open_sizes[-1] += sizes.get(event.anchor, 0)
        if open_sizes[-1] > _MAX_CHARACTERS:
            raise _size_error(source, event, "stands for more than 1 MB, because of its aliases")


def _size_error(source: str, event: Any, reason: str) -> UserError:
    line = event.start_mark.line + 1 if event.start_mark else "?"
    return UserError(f"{source}: line {line} {reason}; write the values out, as few as there are")


def _invalid(source: str, text: str, error: Exception) -> UserError:
    """Return an error with one message, without ruamel's advice to programmers."""
    reason = str(error).partition("; use sys.")[0]
    if isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        # A duplicate key is described with a part of the file, and ruamel's own remedy below it.
        problem = (error.problem or "").partition("\n")[0]
        reason = " ".join(part for part in (error.context, problem) if part)
        if mark and text[mark.index :].startswith("\t"):  # which looks like the right indentation
            reason = "is indented with a tab; YAML allows spaces alone there"
        reason = f"line {mark.line + 1}: {reason}" if mark else reason
    return UserError(f"{source} is not valid YAML: {reason.strip()[:500]}")
