"""The keys by which files of two sides form pairs: `data.pair_pattern`."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import product
from pathlib import Path

from pix2pix.errors import UserError
from pix2pix.images.names import first_names, relative_paths
from pix2pix.plural import counted
from pix2pix.preparation.folders import SideFiles, split_folder

_NEARLY_ALL = 0.8
_NUM_SAMPLED = 300  # names of a side from which common suffixes are taken
_NUM_CANDIDATES = 12  # suffixes of a side that are tried, the most frequent ones


def key_finder(pattern: str | None, side: str) -> Callable[[str], str | None]:
    """A function from the stem of a file to its key; None if it is no file of the side.

    `side` is the name of its group in the pattern: a, b or the name of an extra source. Without a
    pattern, the stem is the key.
    """
    if pattern is None:
        return lambda stem: stem
    compiled = re.compile(pattern)

    def key_of(stem: str) -> str | None:
        match = compiled.search(stem)
        if match is None or (side in compiled.groupindex and match[side] is None):
            return None
        key = match["key"] or None
        return key.casefold() if key and compiled.flags & re.IGNORECASE else key

    return key_of


def refuse_bad_keys(root: Path, side: str, files: SideFiles, *, pattern: str) -> None:
    """Raise UserError if the pattern gives no file of a side a key, or two the same."""
    if not files.images and not files.unread and files.unmatched:
        names = first_names(relative_paths(root, files.unmatched), max_names=3)
        raise UserError(
            f"data.pair_pattern: '{pattern}' matches none of the "
            f"{counted(len(files.unmatched), 'image')} of side {side}, such as {names}; correct "
            "it, or set it to null to pair equal names"
        )
    double = {key: paths for key, paths in files.images.items() if len(paths) > 1}
    if double:
        key, paths = next(iter(sorted(double.items())))
        names = first_names(relative_paths(root, sorted(paths)), max_names=3)
        raise UserError(
            f"data.pair_pattern: '{pattern}' gives the key {key!r} to {len(paths)} images of side "
            f"{side}: {names} ({counted(len(double), 'key', verb='are')} given more than once); "
            "make it match one of them, or make its key longer"
        )


def refuse_other_names(ids_a: Collection[str], ids_b: Collection[str]) -> None:
    """Raise UserError if few ids of the sides are equal, and a pattern would pair most files.

    The message proposes the pattern.
    """
    fewest = min(len(ids_a), len(ids_b))
    num_equal = len(set(ids_a) & set(ids_b))
    if 2 * num_equal >= fewest:
        return
    pattern, num_pairs = _best_pattern(sorted(ids_a), sorted(ids_b))
    if num_pairs >= _NEARLY_ALL * fewest and num_pairs > num_equal:
        raise UserError(
            f"of {len(ids_a)} images of side A (such as {min(ids_a)}) and {len(ids_b)} of side B "
            f"(such as {min(ids_b)}), {num_equal} have equal names; data.pair_pattern: "
            f"'{pattern}' would give {num_pairs} pairs"
        )


def _best_pattern(ids_a: Sequence[str], ids_b: Sequence[str]) -> tuple[str, int]:
    """The pattern of common suffixes or prefixes that pairs the most files, and their number."""
    plain_a, plain_b = ([_without_split(pair_id) for pair_id in ids] for ids in (ids_a, ids_b))
    patterns = ["(?i)^(?P<key>.+)$"]
    for flag in ("", "(?i)"):
        ends = _common_affixes(plain_a, plain_b, is_folded=bool(flag))
        patterns.append(f"{flag}^(?P<key>.+?){_alternatives(ends)}$")
        starts = _common_affixes(
            [each[::-1] for each in plain_a], [each[::-1] for each in plain_b], is_folded=bool(flag)
        )
        patterns.append(f"{flag}^{_alternatives([each[::-1] for each in starts])}(?P<key>.+)$")
    scored = [(pattern, _num_pairs(pattern, ids_a, ids_b)) for pattern in patterns]
    return max(scored, key=lambda item: (item[1], -len(item[0])))


def _common_affixes(
    stems_a: Sequence[str], stems_b: Sequence[str], *, is_folded: bool
) -> tuple[str, str]:
    """The suffixes of A and B without which the most stems are equal."""
    if is_folded:
        stems_a, stems_b = ([each.casefold() for each in stems] for stems in (stems_a, stems_b))
    sample, known = stems_a[:_NUM_SAMPLED], set(stems_b)

    def num_equal(affixes: tuple[str, str]) -> int:
        end_a, end_b = affixes
        ends = (each for each in sample if each.endswith(end_a))
        return sum(each.removesuffix(end_a) + end_b in known for each in ends)

    pairs = product(_frequent_ends(sample), _frequent_ends(stems_b[:_NUM_SAMPLED]))
    return max(pairs, key=lambda each: (num_equal(each), -len(each[0]) - len(each[1])))


def _frequent_ends(stems: Iterable[str]) -> list[str]:
    """The most frequent suffixes that begin with a separator, and the empty suffix."""
    counts = Counter(
        stem[place:]
        for stem in stems
        for place, letter in enumerate(stem)
        if letter in "_-. " and place > 0 and "/" not in stem[place:]
    )
    return ["", *(end for end, _ in counts.most_common(_NUM_CANDIDATES))]


def _alternatives(affixes: Sequence[str]) -> str:
    """A regular expression of the affixes, of which one may be empty."""
    escaped = [re.escape(affix) for affix in dict.fromkeys(affixes) if affix]
    optional = "?" if "" in affixes else ""
    return f"(?:{'|'.join(escaped)}){optional}" if escaped else ""


def _num_pairs(pattern: str, ids_a: Sequence[str], ids_b: Sequence[str]) -> int:
    """The number of pairs that a pattern gives; 0 if it gives a key twice."""
    key_of = key_finder(pattern, "a")
    keys_a, keys_b = (
        [
            (split_folder(pair_id), key)
            for pair_id in ids
            if (key := key_of(_without_split(pair_id))) is not None
        ]
        for ids in (ids_a, ids_b)
    )
    if len(set(keys_a)) < len(keys_a) or len(set(keys_b)) < len(keys_b):
        return 0
    return len(set(keys_a) & set(keys_b))


def _without_split(pair_id: str) -> str:
    return pair_id.removeprefix(f"{split_folder(pair_id)}/")
