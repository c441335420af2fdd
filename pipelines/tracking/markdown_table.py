"""Tables in Markdown."""

from collections.abc import Sequence

# MLflow's pages leave no space between columns, and cut off what is only typed as spaces.
_SPACE = "&emsp;"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with a line for the heading and each row, all of as many cells."""
    lines = [f"| {f'{_SPACE} | '.join(cells)} |" for cells in (head, *rows)]
    lines.insert(1, f"| {' | '.join(['---'] * len(head))} |")
    return "\n".join(lines)
