"""What is compared with the record before a training, and what the result is called after it."""

import dataclasses
import platform

import pytest
import torch

from pipelines.repository.origin import installed_packages
from pipelines.reproduction import machines
from pipelines.reproduction.machines import changes_here, machine_changes
from pipelines.reproduction.packages import package_changes
from pipelines.reproduction.verdict import ScoreRow, Verdict, judge, score_rows
from pipelines.runs.machines import Machine, this_machine
from pix2pix.weights import TensorDifference, WeightsHash
from tests.support.tracked_project import ORIGIN

HERE = this_machine(torch.device("cpu"), num_workers=1)
HASHES = {
    name: WeightsHash(tensors_sha256=name[0] * 64, file_sha256="f" * 64)
    for name in ("generator.safetensors", "discriminator.safetensors")
}
OTHER = WeightsHash(tensors_sha256="0" * 64, file_sha256="0" * 64)
SCORES = {
    "test/l1": 0.2,
    "test/l1_low": 0.1,
    "test/l1_high": 0.3,
    "test/kid_std": 0.1,
    "test/num_images": 4.0,
    "test/fid": 100.0,
    "test/baseline_identity/l1": 0.5,
}


def test_packages_that_changed_or_are_missing_are_named_and_new_ones_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = "a==1\nb==3\nd==1\n"
    monkeypatch.setattr("pipelines.reproduction.packages.installed_packages", lambda: here)
    origin = dataclasses.replace(ORIGIN, packages="a==1\nb==2\nc==3+cpu\n")
    assert package_changes(origin) == [
        f"Python: 3.11.99 recorded, {platform.python_version()} here",
        "b: 2 recorded, 3 here",
        "c: 3+cpu recorded, not installed here",
    ]


def test_the_packages_of_this_environment_have_not_changed() -> None:
    origin = dataclasses.replace(
        ORIGIN, python=platform.python_version(), packages=installed_packages()
    )
    assert package_changes(origin) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"host": "another"}, []),
        (
            {"instruction_set": "AVX2", "cpu": "Old"},
            [
                f"processor: Old recorded, {HERE.cpu} here",
                f"instruction set of torch's kernels: AVX2 recorded, {HERE.instruction_set} here",
            ],
        ),
        ({"gpu": "NVIDIA H100"}, ["GPU: NVIDIA H100 recorded, none here"]),
        ({"system": "Plan9 mips"}, [f"operating system: Plan9 mips recorded, {HERE.system} here"]),
        ({"num_workers": 3}, ["workers: 3 recorded, 1 here"]),
    ],
)
def test_machines_are_compared_by_all_but_their_names(
    changes: dict[str, object], said: list[str]
) -> None:
    assert machine_changes([dataclasses.replace(HERE, **changes)], [HERE]) == said


def test_a_training_on_several_kinds_of_machines_or_on_unknown_ones_is_a_change() -> None:
    assert machine_changes([], [HERE]) == ["the machine of the training was not recorded"]
    [said] = machine_changes([HERE, dataclasses.replace(HERE, num_workers=2)], [HERE])
    assert said.startswith("the training ran on 2 kinds of machines")
    assert machine_changes([HERE, dataclasses.replace(HERE, host="b")], [HERE]) == []


@pytest.mark.parametrize(
    ("num_cpus", "said"),
    [(8, []), (4, []), (3, ["threads of a worker: 2 recorded, 1 here"])],
)
def test_workers_get_the_recorded_threads_where_there_is_room(
    num_cpus: int, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(machines, "num_cores", lambda: num_cpus)
    assert changes_here([dataclasses.replace(HERE, threads=2, num_workers=2)]) == said


def test_the_machines_of_a_cluster_are_not_compared_before_the_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = dataclasses.replace(HERE, cpu="Old")
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert changes_here([other]) == []
    monkeypatch.setenv("RAY_ADDRESS", "")
    assert changes_here([other]) == [f"processor: Old recorded, {HERE.cpu} here"]


def test_scores_are_rows_with_the_interval_of_the_version() -> None:
    rebuilt = {"test/l1": 0.25, "test/kid_std": 0.2, "test/baseline_identity/l1": 0.5}
    assert score_rows(SCORES, rebuilt) == [
        ScoreRow(metric="test/l1", recorded=0.2, rebuilt=0.25, low=0.1, high=0.3)
    ]


def _judged(
    rebuilt: dict[str, WeightsHash], *, l1: float = 0.2, why_no_bits: str | None = None
) -> Verdict:
    return judge(
        HASHES,
        rebuilt,
        tensors=[
            TensorDifference(name=name, largest=value)
            for name, value in (("a", 0.5), ("b", 0.25), ("c", 0.0), ("d", 0.1))
        ],
        scores=score_rows(SCORES, {"test/l1": l1, "test/fid": 300.0}),
        why_no_bits=why_no_bits,
    )


@pytest.mark.parametrize("why_no_bits", [None, "a GPU computed"])
def test_equal_tensors_are_a_reproduction_whatever_the_scores(why_no_bits: str | None) -> None:
    same = {name: dataclasses.replace(each, file_sha256="x") for name, each in HASHES.items()}
    verdict = _judged(same, l1=9.0, why_no_bits=why_no_bits)
    assert verdict == Verdict(is_reproduced=True, reason="all weights are equal, bit for bit")


@pytest.mark.parametrize("name", list(HASHES))
def test_unlike_weights_of_one_network_are_none_where_bits_can_be_promised(name: str) -> None:
    verdict = _judged(HASHES | {name: OTHER})
    assert not verdict.is_reproduced
    assert verdict.reason == f"the weights of {name} differ (a, b, c and 1 more, by at most 0.5)"


@pytest.mark.parametrize(
    ("l1", "is_reproduced"), [(0.1, True), (0.3, True), (0.301, False), (0.099, False)]
)
def test_where_bits_cannot_be_promised_the_intervals_of_the_scores_decide(
    l1: float, is_reproduced: bool
) -> None:
    verdict = _judged(
        HASHES | {"generator.safetensors": OTHER}, l1=l1, why_no_bits="a GPU computed"
    )
    assert verdict.is_reproduced == is_reproduced
    assert "(a GPU computed)" in verdict.reason
    assert ("lie outside" in verdict.reason) != is_reproduced


def test_without_any_interval_nothing_is_certified() -> None:
    verdict = judge(
        HASHES,
        HASHES | {"generator.safetensors": OTHER},
        tensors=[],
        scores=score_rows({"test/l1": 0.2}, {"test/l1": 0.2}),
        why_no_bits="a GPU computed",
    )
    assert not verdict.is_reproduced
    assert verdict.reason.startswith("no test score has an interval")


def test_a_machine_is_of_the_fields_that_are_compared() -> None:
    """A new field has to be compared, or named here as one that does not count."""
    assert {field.name for field in dataclasses.fields(Machine)} == {"host", *machines._WORDS}
