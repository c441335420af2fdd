"""Markdown tables, and sections of a document that a program writes."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median

from pix2pix.files import write_text


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; all but the first column are aligned right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, rule, *rows]) + "\n"


def spread(values: Sequence[float], form: str = ".1f", unit: str = "") -> str:
    """The median of repeats, and the lowest and highest in brackets."""
    low, middle, high = (f"{value:{form}}" for value in (min(values), median(values), max(values)))
    return f"{middle}{unit} ({low}..{high})" if len(values) > 1 else f"{middle}{unit}"


def write_sections(path: Path, sections: Mapping[str, str]) -> None:
    """Replace the text of sections of a document. Raises ValueError as `with_sections` does."""
    write_text(path, with_sections(path.read_text(encoding="utf-8"), sections))


def with_sections(document: str, sections: Mapping[str, str]) -> str:
    """`document` with each named section's text replaced; a section lies between two comments.

    Raises ValueError naming a section that is not there exactly once.
    """
    for name, text in sections.items():
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        before, found, rest = document.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed) or begin in after:
            raise ValueError(f"{begin.strip()} ... {end} must be in the document once")
        document = before + begin + text + end + after
    return document
