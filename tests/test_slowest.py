import re
from datetime import date
from pathlib import Path

from tests.support.slowest import DOCUMENT, SECTION, Duration, durations, section

REPORT = """<?xml version="1.0"?>
<testsuites><testsuite name="pytest">
<testcase classname="tests.pix2pix.images.test_grids" name="test_a[x@1]@a group" time="0.250" />
<testcase classname="tests.soak.test_kills" name="test_b" time="30.5"><skipped /></testcase>
<testcase classname="tests.test_x" name="test_c@tests/test_x.py" time="0.125" />
</testsuite></testsuites>
"""


def test_the_slowest_come_first_under_the_names_that_pytest_takes(tmp_path: Path) -> None:
    (tmp_path / "report.xml").write_text(REPORT)
    assert durations(tmp_path / "report.xml") == [
        Duration("tests/soak/test_kills.py::test_b", 30.5),
        Duration("tests/pix2pix/images/test_grids.py::test_a[x@1]", 0.25),
        Duration("tests/test_x.py::test_c", 0.125),
    ]


def test_twenty_are_shown_and_all_are_summed() -> None:
    found = [Duration(f"tests/test_x.py::test_{number}", 6.0) for number in range(30)]
    text = section(found, day=date(2026, 1, 2), cores=2)
    assert text.startswith(
        "The durations of 30 tests add up to 3.0 minutes, which 2 cores shared (2026-01-02)."
    )
    assert text.count("test_x.py") == 20


def test_the_document_has_the_section_once() -> None:
    assert DOCUMENT.read_text().count(f"<!-- begin {SECTION} -->\n") == 1


def test_the_tests_of_the_table_exist() -> None:
    table = DOCUMENT.read_text().partition(f"<!-- begin {SECTION} -->\n")[2]
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)", table.partition("<!-- end")[0])
    assert len(named) > 10
    missing = [
        (path, name)
        for path, name in named
        if not re.search(rf"^def {name}\(", (DOCUMENT.parent / path).read_text(), re.MULTILINE)
    ]
    assert missing == []
