"""The sections about scaling are those that the program prints."""

from pathlib import Path

import pytest

from benchmarks.markdown import with_sections
from benchmarks.scaling_model import sections


@pytest.mark.slow
def test_the_document_has_what_the_program_prints(root: Path) -> None:
    document = (root / "docs" / "scaling.md").read_text(encoding="utf-8")
    found = sections(root / "benchmarks" / "results" / "cpu-2cores.json")
    assert with_sections(document, found) == document


def test_a_section_is_replaced_and_a_missing_one_named() -> None:
    document = "a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n"
    expected = "a\n<!-- begin x -->\nnew\n<!-- end x -->\nb\n"
    assert with_sections(document, {"x": "new\n"}) == expected
    with pytest.raises(ValueError, match=r"begin y -->.* must be in the document once"):
        with_sections(document, {"y": ""})
    with pytest.raises(ValueError, match=r"begin x -->.* must be in the document once"):
        with_sections(document + document, {"x": ""})
