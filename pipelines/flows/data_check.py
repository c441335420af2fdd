"""Show the report of the data checks as an artifact, if the checks stopped a run."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from prefect.artifacts import create_markdown_artifact

from pipelines.paths import CHECKS_PATH
from pix2pix.plural import counted

_MAX_PER_KIND = 50


def show_data_check(project_dir: Path) -> None:
    """Create the artifact if the checks left a report with offences."""
    path = project_dir / CHECKS_PATH
    if not path.is_file():
        return
    report = json.loads(path.read_text(encoding="utf-8"))
    if report["offences"]:
        create_markdown_artifact(
            data_check_markdown(report),
            key="data-check",
            description="what is wrong with the pairs",
        )


def data_check_markdown(report: Mapping[str, Any]) -> str:
    """The report of the stage `prepare` (reports/checks.json) as Markdown."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    num_bad = sum(group["count"] for group in report["offences"].values())
    found, bad = counted(report["num_found"], "pair"), counted(num_bad, "offence")
    yield f"## {found} found, {report['num_sound']} sound, {bad}"
    for kind, group in report["offences"].items():
        yield from ("", f"### {kind.replace('_', ' ')} ({group['count']})", group["remedy"], "")
        for item in group["items"][:_MAX_PER_KIND]:
            yield f"- `{', '.join(item['paths'] or item['pairs'])}`: {item['what']}"
        if group["count"] > _MAX_PER_KIND:
            yield f"- … and {group['count'] - _MAX_PER_KIND} more"
    yield from ("", *(f"> {note}" for note in report["notes"]))
