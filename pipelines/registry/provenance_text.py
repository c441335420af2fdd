"""The lineage of a model in words, for a terminal and for the page of an export."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pipelines.paths import PARENT_PATH, PREPARED_DIR, RAW_DIR
from pipelines.registry.lineage import Lineage
from pipelines.registry.provenance import Provenance
from pipelines.repository.dotted_keys import flatten
from pipelines.repository.patch import changed_files
from pipelines.runs.machines import Machine
from pipelines.tracking.run_params import shown_params
from pipelines.tracking.train_record import TrainRecord
from pix2pix.config import Params
from pix2pix.plural import counted

Topics = Sequence[tuple[str, str]]  # names, of which several lines may have the same, and lines

_WIDTH = 13  # of the column with the names


def provenance_text(provenance: Provenance, defaults: Params) -> str:
    """Return the text: one topic a line, with more lines below it where one is not enough.

    Of the parameters it shows those that differ from `defaults`.
    """
    lines = [f"{provenance.model} version {provenance.version}{_aliases(provenance)}", ""]
    name = ""
    for topic, value in provenance_topics(provenance, defaults):
        lines.append(f"{topic if topic != name else '':{_WIDTH}}{value}")
        name = topic
    return "\n".join(lines)


def _aliases(provenance: Provenance) -> str:
    return f" ({', '.join(provenance.aliases)})" if provenance.aliases else ""


def provenance_topics(
    provenance: Provenance, defaults: Params | None = None
) -> Iterator[tuple[str, str]]:
    """Yield the topics of the version's lineage, and what MLflow knows of the version."""
    yield from lineage_topics(provenance.lineage, defaults)
    yield "MLflow run", f"{provenance.run_id} at {provenance.tracking_uri}"
    yield "flow run", provenance.flow_run or "none"
    yield "reproduced", provenance.reproduced or "never"


def lineage_topics(lineage: Lineage, defaults: Params | None = None) -> Iterator[tuple[str, str]]:
    """Yield the name of each topic with a line of text; the same name for further lines.

    Without `defaults`, the parameters are left out.
    """
    training = lineage.training
    yield "commit", training.origin.commit or "none: it was not trained in a git checkout"
    if training.origin.is_dirty:
        yield "commit", _patch(training)
    yield "data", f"{training.data.name}, hash {training.data.data_hash}"
    yield (
        "data",
        ", ".join(f"{number} {split}" for split, number in training.data.num_pairs.items()),
    )
    for path, md5 in lineage.outputs.items():
        if path in (RAW_DIR.as_posix(), PREPARED_DIR.as_posix()):
            yield "data", f"{path} in DVC: {md5}"
    if defaults is not None:
        for line in _parameters(training.params, defaults):
            yield "parameters", line
    yield (
        "seed",
        f"{training.params['train']['seed']}, of the splits "
        + str(training.params["data"]["split_seed"]),
    )
    packages = len(training.origin.packages.splitlines())
    yield (
        "environment",
        f"Python {training.origin.python}, torch {training.origin.torch}, {packages} packages",
    )
    for machine in training.machines:
        yield "hardware", machine_text(machine)
    yield "trained", _times(training)
    for file, hashes in lineage.weights.items():
        yield "weights", f"{file}: SHA-256 {hashes.tensors_sha256}"
    yield from _parent(lineage)


def _parent(lineage: Lineage) -> Iterator[tuple[str, str]]:
    parent = lineage.training.parent
    if parent is None:
        yield "parent", "none: trained from random weights"
        return
    yield "parent", parent.summary
    if md5 := lineage.outputs.get(PARENT_PATH.as_posix()):
        yield "parent", f"{PARENT_PATH} in DVC: {md5}"


def _patch(training: TrainRecord) -> str:
    if training.origin.patch is None:
        return "and uncommitted changes that were not recorded"
    return f"and uncommitted changes of {', '.join(changed_files(training.origin.patch))}"


def _parameters(params: Mapping[str, Any], defaults: Params) -> list[str]:
    """Return the parameters that could have changed the result and are not the usual ones."""
    own, usual = shown_params(params), shown_params(asdict(defaults))
    # What is null is not among them: here it counts where the usual value is another one.
    nulls = {key: value for key, value in flatten(params).items() if value == "null"}
    changed = [
        f"{key}: {value}"
        for key, value in (own | {key: nulls[key] for key in usual.keys() & nulls.keys()}).items()
        if usual.get(key) != value and key != "data.name"  # it is among the data
    ]
    return changed or ["those of params/default.yaml"]


def machine_text(machine: Machine) -> str:
    """Return a line about the machine of a worker."""
    device = f"{machine.gpu}, " if machine.gpu else ""
    workers = counted(machine.num_workers, "worker")
    return (
        f"{device}{machine.cpu} ({machine.system}, {machine.instruction_set}), "
        f"{workers} of {counted(machine.threads, 'thread')}, on {machine.host}"
    )


def _times(training: TrainRecord) -> str:
    began = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(training.started_s))
    return f"{began}, {counted(training.epochs, 'epoch')}, epoch {training.best_epoch} was kept"
