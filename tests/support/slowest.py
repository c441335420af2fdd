"""Write the table of the slowest tests into CONTRIBUTING.md, from a report of pytest.

`make slowest` runs the suite with `--junit-xml` and then this.
"""

import argparse
import os
from datetime import date
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from benchmarks.markdown import table, with_sections

NUM_SHOWN = 20
SECTION = "slowest tests"
DOCUMENT = Path(__file__).parents[2] / "CONTRIBUTING.md"


class Duration(NamedTuple):
    """How long a test took, with the fixtures that were made for it."""

    test: str  # path::name
    seconds: float


def durations(report: Path) -> list[Duration]:
    """The tests of a JUnit report, the slowest first."""
    cases = ElementTree.parse(report).iter("testcase")
    found = [Duration(_name(case), float(case.get("time", "0"))) for case in cases]
    return sorted(found, key=lambda each: -each.seconds)


def _name(case: ElementTree.Element) -> str:
    module = case.get("classname", "").replace(".", "/")
    name = case.get("name", "")
    test, _, group = name.rpartition("@")  # the group that pytest-xdist adds
    return f"{module}.py::{name if not test or ']' in group else test}"


def section(found: list[Duration], *, day: date, cores: int) -> str:
    """The table, and what it was measured with."""
    rows = [(f"`{each.test}`", f"{each.seconds:.1f}") for each in found[:NUM_SHOWN]]
    total_s = sum(each.seconds for each in found)
    return (
        f"The durations of {len(found)} tests add up to {total_s / 60:.1f} minutes, which {cores} "
        f"cores shared ({day.isoformat()}). A fixture that several tests share counts for the "
        "first of them.\n\n" + table(("test", "seconds"), rows)
    )


def main() -> None:
    """Replace the section of CONTRIBUTING.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path, help="what pytest --junit-xml wrote")
    found = durations(parser.parse_args().report)
    text = section(found, day=date.today(), cores=os.cpu_count() or 1)
    DOCUMENT.write_text(with_sections(DOCUMENT.read_text(), {SECTION: text}))


if __name__ == "__main__":
    main()
