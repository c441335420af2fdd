"""YAML files that a person or a program may have written wrong, or to harm.

A short file can stand for gigabytes (an alias repeats what it names, which may hold aliases), hold
itself, or be nested deeper than any parser goes. So its size as written out is measured before
anything is built from it.
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

_MAX_CHARACTERS = 1_000_000  # of the file, and of what its aliases make of it
_MAX_DEPTH = 32


def read_yaml(path: Path) -> Any:
    """The content of a YAML 1.2 file (as DVC reads it) as plain values; None for an empty one.

    Raises UserError naming the file if it is missing, no YAML, or larger than parameters are.
    """
    return parse_yaml(read_yaml_text(path), source=str(path))


def read_yaml_text(path: Path) -> str:
    """The text of a YAML file, looked through. Raises UserError as `read_yaml` does."""
    if not path.is_file():
        raise UserError(f"{path} is missing, or no plain file")
    if path.stat().st_size > _MAX_CHARACTERS:
        raise UserError(f"{path} has {path.stat().st_size} bytes; parameters take less than 1 MB")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} is not UTF-8 text: {error.reason} at byte {error.start}; save it as UTF-8"
        ) from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    check_yaml(text, source=str(path))
    return text


def parse_yaml(text: str, *, source: str) -> Any:
    """Plain values of YAML text; `source` is named in errors. Raises UserError."""
    check_yaml(text, source=source)
    try:
        return YAML(typ="safe").load(text)
    except _NO_VALUES as error:
        raise _invalid(source, error) from None


def check_yaml(text: str, *, source: str) -> None:
    """Raise UserError unless `text` is YAML whose values fit into memory, written out."""
    try:
        _measure(text, source=source)
    except UserError:
        raise
    except _NO_VALUES as error:
        raise _invalid(source, error) from None


# A tag whose text does not fit it (`!!int "a"`) comes as whatever the conversion raises.
_NO_VALUES = (
    YAMLError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)


def _measure(text: str, *, source: str) -> None:
    """Go through the events of `text`, which takes no recursion, and add up what they stand for."""
    sizes: dict[str, int] = {}  # of each anchor that is complete
    open_sizes, open_anchors = [0], [""]
    for event in YAML(typ="safe").parse(text):
        match event:
            case CollectionStartEvent():
                open_sizes.append(1)
                open_anchors.append(event.anchor or "")
                if len(open_sizes) > _MAX_DEPTH:
                    raise _refused(source, event, f"is nested more than {_MAX_DEPTH} levels deep")
            case CollectionEndEvent():
                size, anchor = open_sizes.pop(), open_anchors.pop()
                sizes |= {anchor: size} if anchor else {}
                open_sizes[-1] += size
            case ScalarEvent():
                sizes |= {event.anchor: len(event.value) + 1} if event.anchor else {}
                open_sizes[-1] += len(event.value) + 1
            case AliasEvent():
                if event.anchor in open_anchors:
                    raise _refused(source, event, f"contains itself (*{event.anchor})")
                open_sizes[-1] += sizes.get(event.anchor, 0)
        if open_sizes[-1] > _MAX_CHARACTERS:
            raise _refused(source, event, "stands for more than 1 MB, because of its aliases")


def _refused(source: str, event: Any, reason: str) -> UserError:
    line = event.start_mark.line + 1 if event.start_mark else "?"
    return UserError(f"{source}: line {line} {reason}; write the values out, as few as there are")


def _invalid(source: str, error: Exception) -> UserError:
    """One message, without ruamel's advice to programmers."""
    text = str(error).partition("; use sys.")[0]
    if isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark else ""
        text = line + " ".join(part for part in (error.context, error.problem) if part)
    return UserError(f"{source} is not valid YAML: {text.strip()[:500]}")
