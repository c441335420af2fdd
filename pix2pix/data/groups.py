"""Pairs that belong together, such as the frames of a clip or the crops of a scene."""

import re
from collections.abc import Iterable

_SLICE = re.compile(r"#[xyz]\d{3,}$")  # the end of the pair id of a slice, `images.options`


def group_of(pair_id: str, pattern: str | None) -> str | None:
    """The group that `data.group` finds in the id of a pair; None if it finds none.

    The pattern is searched for anywhere in the id, and what its parentheses capture is the group.
    Without a pattern each pair is a group of its own, named by its id, but the slices of one volume
    are one group: neighbouring slices are nearly alike.
    """
    if pattern is None:
        return _SLICE.sub("", pair_id)
    match = re.search(pattern, pair_id)
    return (match[1] or None) if match else None


def groups_of(pair_ids: Iterable[str], pattern: str | None) -> list[str]:
    """The group of each pair; a pair in which `pattern` finds none is a group of its own."""
    return [group_of(pair_id, pattern) or pair_id for pair_id in pair_ids]
