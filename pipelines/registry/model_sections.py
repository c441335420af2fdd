"""What the page of an exported model says about it: scores, panels, protocol, lineage."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipelines.paths import METRICS_PATH, PANELS_DIR
from pipelines.registry.model_source import ModelSource
from pipelines.repository.dotted_keys import flatten
from pipelines.tracking.score_keys import is_score, score_text
from pix2pix.export.page import Picture, Section, Table
from pix2pix.model_card import ModelCard
from pix2pix.plural import counted

_PANELS = {"best": "the test images with the lowest L1", "worst": "those with the highest L1"}


def read_metrics(source: ModelSource) -> dict[str, Any] | None:
    """The content of metrics.json; None if the model has no reports."""
    if source.project_dir is None:
        return None
    metrics: dict[str, Any] = json.loads((source.project_dir / METRICS_PATH).read_text("utf-8"))
    return metrics


def summary(card: ModelCard) -> str:
    """One sentence about the model."""
    sides = [
        f"{'labels' if side.kind == 'labels' else 'images'} ({side.dtype}, "
        f"{counted(side.channels, 'channel')})"
        for side in (card.source, card.target)
    ]
    return (
        f"pix2pix on {card.name}: translates {sides[0]} to {sides[1]}. It was trained for "
        f"{counted(card.epoch, 'epoch')} and runs in the inference mode {card.inference_mode}."
    )


def sections(
    source: ModelSource, card: ModelCard, metrics: Mapping[str, Any] | None
) -> list[Section]:
    """The sections of the page."""
    return [
        _scores(card, metrics),
        *([] if source.project_dir is None else [_panels(source.project_dir)]),
        *([] if metrics is None else [_protocol(metrics)]),
        *([_fields("Lineage", source.lineage)] if source.lineage else []),
        *([_parameters(source.params)] if source.params else []),
    ]


def _scores(card: ModelCard, metrics: Mapping[str, Any] | None) -> Section:
    if metrics is None:
        rows = [["metric", "model"], *([name, f"{value:.4g}"] for name, value in card.dev.items())]
        return Section(
            title="Scores",
            text="Scores on the dev split, by which the weights were chosen.",
            parts=[Table(rows, has_numbers=True)],
        )
    columns = {"model": metrics["test"], **metrics.get("baselines", {})}
    names = [name for name in metrics["test"] if is_score(name)]
    rows = [
        ["metric", *(name.replace("_", " ") for name in columns)],
        *([name, *(score_text(column, name) for column in columns.values())] for name in names),
    ]
    return Section(
        title="Scores",
        text="Scores on the test split, with intervals over images. Baselines: the mean of the "
        "training's targets, the source itself, and real targets against others.",
        parts=[Table(rows, has_numbers=True)],
    )


def _panels(project_dir: Path) -> Section:
    pictures = [
        Picture(path.read_bytes(), f"Source, translation and target: {what}.")
        for name, what in _PANELS.items()
        if (path := project_dir / PANELS_DIR / f"{name}.png").is_file()
    ]
    return Section(title="Test images", parts=pictures)


def _protocol(metrics: Mapping[str, Any]) -> Section:
    text = "The conditions of the scores; numbers of unlike conditions should not be compared."
    return _fields("Protocol", flatten(metrics["protocol"]).items(), text=text, is_folded=True)


def _parameters(params: Mapping[str, Any]) -> Section:
    return _fields("Parameters of the training", flatten(params).items(), is_folded=True)


def _fields(
    title: str, fields: Iterable[tuple[str, str]], *, text: str = "", is_folded: bool = False
) -> Section:
    rows = [["field", "value"], *map(list, fields)]
    return Section(title=title, text=text, parts=[Table(rows)], is_folded=is_folded)
