"""The sections that programs write into documents are those of the stored results."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from benchmarks import fine_tuning, large_image, scaling_model, serving, task_sheet
from benchmarks.markdown import with_sections

RESULTS = Path("benchmarks", "results")


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _fine_tuning(path: Path) -> dict[str, str]:
    found = _read(path)
    comparisons = TypeAdapter(list[fine_tuning.Comparison]).validate_python(found["comparisons"])
    return {"fine-tuning": fine_tuning.section(comparisons, found["mean_target_l1"])}


def _large_image(path: Path) -> dict[str, str]:
    found = _read(path)
    measured = TypeAdapter(list[large_image.Translation]).validate_python(found["translations"])
    return {"large image": large_image.section(measured, found["where"])}


def _serving(path: Path) -> dict[str, str]:
    found = _read(path)
    loads = TypeAdapter(list[serving.Load]).validate_python(found["loads"])
    return {"serving load": serving.section(loads, found["where"])}


def _tasks(path: Path) -> dict[str, str]:
    return {"tasks": task_sheet.section(_read(path)["tasks"])}


@pytest.mark.parametrize(
    ("document", "results", "sections"),
    [
        ("finetuning.md", "fine-tuning.json", _fine_tuning),
        ("translation.md", "large-image.json", _large_image),
        ("serving.md", "serving.json", _serving),
        ("tasks.md", "tasks.json", _tasks),
        pytest.param(
            "scaling.md", "cpu-2cores.json", scaling_model.sections, marks=pytest.mark.slow
        ),
    ],
)
def test_a_document_has_what_the_program_writes(
    root: Path, document: str, results: str, sections: Callable[[Path], dict[str, str]]
) -> None:
    text = (root / "docs" / document).read_text(encoding="utf-8")
    assert with_sections(text, sections(root / RESULTS / results)) == text


def test_a_section_is_replaced_and_a_missing_one_named() -> None:
    document = "a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n"
    expected = "a\n<!-- begin x -->\nnew\n<!-- end x -->\nb\n"
    assert with_sections(document, {"x": "new\n"}) == expected
    with pytest.raises(ValueError, match=r"begin y -->.* must be in the document once"):
        with_sections(document, {"y": ""})
    with pytest.raises(ValueError, match=r"begin x -->.* must be in the document once"):
        with_sections(document + document, {"x": ""})
