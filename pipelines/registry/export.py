"""Export a model: its files, what is known of it, and a page that translates in the browser."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.json_files import write_json
from pipelines.page_runtime import runtime
from pipelines.registry.model_sections import read_metrics, sections, summary
from pipelines.registry.model_source import ModelSource, model_source
from pipelines.registry.provenance_text import Topics
from pix2pix.atomic import new_directory
from pix2pix.checkpoint import load_generator
from pix2pix.errors import UserError
from pix2pix.export.folder import ExportedFile, Smaller, write_export
from pix2pix.export.page import Runtime, Section, Table, Workbench, page
from pix2pix.export.report import export_json, file_table, readme
from pix2pix.export.samples import Samples, random_samples, real_samples
from pix2pix.export.workbench import make_workbench, obstacle
from pix2pix.files import in_the_way, real_path, write_text, written_to
from pix2pix.model_card import ModelCard
from pix2pix.models import InferenceMode, InferenceNetwork

EXPORT_NAME = "export.json"
PAGE_NAME = "index.html"
README_NAME = "README.md"

logger = logging.getLogger(__name__)


def export_model(
    reference: str,
    output_dir: Path,
    *,
    modes: Sequence[InferenceMode] = ("published", "deterministic"),
    smaller: Sequence[Smaller] = (),
    has_page: bool = True,
) -> None:
    """Export the model that `reference` names, a registered version or a folder, to a new folder.

    The folder appears once all files are written and checked. Raises UserError if there is no such
    model, the folder holds something, a file would not be exact, or what the page needs is missing.
    """
    _check_output(output_dir)
    page_runtime = runtime() if has_page else None  # what is missing is said at once
    with (
        model_source(reference) as source,
        written_to(output_dir),
        new_directory(output_dir) as folder,
    ):
        _write(folder, source, modes=modes, smaller=smaller, page_runtime=page_runtime)
    logger.info("%s is exported to %s", source.label, output_dir)


def _check_output(output_dir: Path) -> None:
    if taken := in_the_way(real_path(output_dir)):
        raise UserError(f"{output_dir}: {taken} is no folder; name a new one for the export")
    if output_dir.is_dir() and any(output_dir.iterdir()):
        raise UserError(f"{output_dir} is not empty; name a new folder for the export")


class _Exported(NamedTuple):
    """What has been written and is known when the descriptions are written."""

    source: ModelSource
    card: ModelCard
    files: Sequence[ExportedFile]
    samples: Samples
    metrics: Mapping[str, Any] | None


def _write(
    folder: Path,
    source: ModelSource,
    *,
    modes: Sequence[InferenceMode],
    smaller: Sequence[Smaller],
    page_runtime: Runtime | None,
) -> None:
    generator, card = load_generator(source.model_dir)
    modes = sorted(modes, key=lambda mode: mode != card.inference_mode)  # its own mode first
    samples = real_samples(card, source.sources) if source.sources else random_samples(card)
    files = write_export(
        folder, generator, card, model=source.label, modes=modes, smaller=smaller, samples=samples
    )
    exported = _Exported(source, card, files, samples, read_metrics(source))
    write_json(folder / EXPORT_NAME, _facts(exported))
    _write_readme(folder, exported, has_page=page_runtime is not None)
    if page_runtime is not None:
        network = InferenceNetwork(generator, modes[0])
        workbench = obstacle(card) or make_workbench(
            folder, network, card, runtime=page_runtime, sources=source.sources, samples=samples
        )
        write_text(folder / PAGE_NAME, _page(exported, workbench))


def _facts(exported: _Exported) -> dict[str, Any]:
    metrics = exported.metrics
    facts = {
        "model": exported.source.label,
        "chosen_mode": exported.card.inference_mode,
        "lineage": _by_topic(exported.source.lineage),
        "scores": None if metrics is None else metrics["test"],
        "protocol": None if metrics is None else metrics["protocol"],
    }
    return export_json(exported.files, samples=exported.samples.origin, facts=facts)


def _by_topic(topics: Topics) -> dict[str, list[str]]:
    """The lines of each topic."""
    lines: dict[str, list[str]] = {}
    for name, line in topics:
        lines.setdefault(name, []).append(line)
    return lines


def _write_readme(folder: Path, exported: _Exported, *, has_page: bool) -> None:
    text = readme(
        exported.source.label,
        exported.files,
        exported.card,
        samples=exported.samples.origin,
        has_page=has_page,
    )
    write_text(folder / README_NAME, text)


def _page(exported: _Exported, workbench: Workbench | str) -> str:
    card = exported.card
    files = Section(
        title="Exported files", parts=[Table(file_table(exported.files))], is_folded=True
    )
    shown = sections(exported.source, card, exported.metrics)
    return page(exported.source.label, summary(card), [*shown, files], workbench=workbench)
