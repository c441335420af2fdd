"""The certificate of a reproduction: what was compared, and with which result."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipelines.registry.provenance_text import machine_text
from pipelines.reproduction.verdict import ScoreRow, Verdict
from pipelines.runs.machines import Machine
from pix2pix.plural import counted
from pix2pix.weights import TensorDifference, WeightsHash

_MAX_TENSORS = 10  # in the text; the JSON file has all


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificate:
    """The result of training a version again. All fields can be written as JSON."""

    model: str
    version: str
    ended_s: float  # since 1970
    elapsed_s: float
    verdict: Verdict
    commit: str
    has_patch: bool  # uncommitted changes were applied to the commit
    data_hash: str
    data: str  # in words: where the prepared pairs come from
    parent: str | None  # in words: the model that it started from, and where that comes from
    environment_changes: Sequence[str]  # against the recorded one; none if it was the same
    machines: Sequence[Machine]  # of this training
    recorded_weights: Mapping[str, WeightsHash]
    rebuilt_weights: Mapping[str, WeightsHash]
    tensors: Sequence[TensorDifference]  # of the generators, that differ
    scores: Sequence[ScoreRow]

    @property
    def date(self) -> str:
        """The time of its end in UTC."""
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(self.ended_s))

    @property
    def result(self) -> str:
        """The result in a few words."""
        return "reproduced" if self.verdict.is_reproduced else "not reproduced"

    @property
    def tag(self) -> str:
        """The result, the date and the machine, for a tag of the version."""
        machine = self.machines[0] if self.machines else None
        where = "" if machine is None else f", on {machine_text(machine)}"
        answer = "yes" if self.verdict.is_reproduced else "no"
        return f"{answer}, {self.date}{where}: {self.verdict.reason}"

    def as_markdown(self) -> str:
        """Return it as a text for people."""
        return "\n".join(_lines(self)) + "\n"


def _lines(certificate: Certificate) -> Iterator[str]:
    patch = ", with the recorded uncommitted changes" if certificate.has_patch else ""
    yield f"# {certificate.model} version {certificate.version}: {certificate.result}"
    yield ""
    yield f"{certificate.date}: {certificate.verdict.reason}."
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| command | `pix2pix reproduce models:/{certificate.model}/{certificate.version}` |"
    yield f"| code | commit {certificate.commit}{patch} |"
    yield f"| data | hash {certificate.data_hash}, as recorded; {certificate.data} |"
    yield f"| parent | {certificate.parent or 'none: trained from random weights'} |"
    yield f"| environment | {_environment(certificate.environment_changes)} |"
    for machine in certificate.machines:
        yield f"| machine | {machine_text(machine)} |"
    yield f"| duration | {certificate.elapsed_s / 60:.1f} minutes |"
    yield ""
    yield from _weights(certificate)
    yield from _tensors(certificate.tensors)
    yield from _scores(certificate.scores)


def _environment(changes: Sequence[str]) -> str:
    return f"changed: {'; '.join(changes)}" if changes else "packages and machine as recorded"


def _weights(certificate: Certificate) -> Iterator[str]:
    yield "| SHA-256 | recorded | trained again |"
    yield "|---|---|---|"
    for name, recorded in certificate.recorded_weights.items():
        rebuilt = certificate.rebuilt_weights[name]
        yield f"| {name}, tensors | `{recorded.tensors_sha256}` | `{rebuilt.tensors_sha256}` |"
        yield f"| {name}, file | `{recorded.file_sha256}` | `{rebuilt.file_sha256}` |"
    yield ""


def _tensors(tensors: Sequence[TensorDifference]) -> Iterator[str]:
    if not tensors:
        return
    yield f"differences in {counted(len(tensors), 'tensor')} of the generator, the first of them:"
    yield ""
    yield "| tensor | largest difference |"
    yield "|---|---|"
    for tensor in tensors[:_MAX_TENSORS]:
        largest = "shape, type or missing" if tensor.largest is None else f"{tensor.largest:.3g}"
        yield f"| {tensor.name} | {largest} |"
    yield ""


def _scores(scores: Sequence[ScoreRow]) -> Iterator[str]:
    yield "| score | recorded | its interval | trained again |"
    yield "|---|---|---|---|"
    for row in scores:
        interval = "" if row.low is None else f"{row.low:.6g} to {row.high:.6g}"
        equal = "equal" if row.recorded == row.rebuilt else f"{row.rebuilt:.6g}"
        yield f"| {row.metric} | {row.recorded:.6g} | {interval} | {equal} |"
