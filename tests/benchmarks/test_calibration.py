"""From measurements that follow the model exactly back to the numbers they were made of."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.calibration import fitted_cluster, fitted_device, predictions
from benchmarks.costs import count_networks
from benchmarks.measured_tables import calibration_section, measured_section
from benchmarks.results import (
    AllReduceTimes,
    CheckpointTimes,
    Exchange,
    Machine,
    Measured,
    RunTimes,
    StepTimes,
    read_measured,
    write_measured,
)
from benchmarks.step_time import buckets
from benchmarks.workload import preset

PER_IMAGE_S, PER_STEP_S = 0.2, 0.1
LATENCY_S, BYTES_PER_S = 1e-3, 1e9  # of a sum over two


def _alone_s(batch: int) -> float:
    return PER_STEP_S + PER_IMAGE_S * batch


def _steps(num_workers: int, batch: int, exchange: Exchange, factor: float) -> StepTimes:
    return StepTimes(
        preset="default",
        num_workers=num_workers,
        batch=batch,
        exchange=exchange,
        step_s=[factor * _alone_s(batch)] * 3,
    )


@pytest.fixture(scope="module")
def measured() -> Measured:
    alone = [_steps(1, batch, "none", 1.0) for batch in (1, 2, 4)]
    pairs = [
        _steps(2, batch, exchange, factor)
        for batch in (1, 2)
        for exchange, factor in (("none", 1.0), ("float32", 1.25), ("bfloat16", 2.0))
    ]
    sums = [(4, LATENCY_S), *((2**p, LATENCY_S + 2**p / BYTES_PER_S) for p in (20, 23, 25))]
    return Measured(
        machine=Machine(
            processor="drawn",
            num_cores=2,
            cores_per_worker=1,
            torch="2",
            ray="2",
            measured_on="2000-01-01",
        ),
        quick_parts=[],
        steps=alone + pairs,
        all_reduces=[
            AllReduceTimes(num_workers=2, num_bytes=size, seconds=[seconds])
            for size, seconds in sums
        ],
        runs=[
            RunTimes(variant="bare", worker_cores=1, num_images=1000, elapsed_s=[100.0, 200.0]),
            RunTimes(variant="ray", worker_cores=1, num_images=1000, elapsed_s=[104.0, 206.0]),
            RunTimes(variant="bare", worker_cores=2, num_images=1000, elapsed_s=[50.0, 50.0]),
            RunTimes(variant="ray", worker_cores=2, num_images=1000, elapsed_s=[55.0, 60.0]),
        ],
        checkpoints=[CheckpointTimes(preset="default", num_bytes=2**21, write_s=[0.5])],
        loader_images_per_s=[300.0],
    )


def test_a_line_through_the_steps_is_the_device(measured: Measured) -> None:
    networks = count_networks(preset("default"))
    device = fitted_device(measured, "default", networks)
    assert device.flops_per_s == pytest.approx(networks.step_flops / PER_IMAGE_S)
    assert networks.optimizer_bytes / device.optimizer_bytes_per_s == pytest.approx(PER_STEP_S)


def test_a_line_through_the_sums_is_the_network(measured: Measured) -> None:
    network = fitted_cluster(measured, 2)
    for size in (4, 10**6, 10**8):
        expected = LATENCY_S + size / BYTES_PER_S
        assert network.all_reduce_s(size) == pytest.approx(expected, rel=1e-4)


def test_a_step_of_two_is_predicted_from_one_and_the_sums(measured: Measured) -> None:
    networks = count_networks(preset("default"))
    num_sums = sum(len(buckets(each)) for each in (networks.generator, networks.discriminator))
    # Two further ones ask whether the losses are finite.
    exchange_s = (num_sums + 2) * LATENCY_S + 4 * networks.parameters / BYTES_PER_S
    found = predictions(measured)
    assert [(each.num_workers, each.batch) for each in found] == [(2, 1), (2, 2)]
    for each in found:
        alone_s = _alone_s(each.batch)
        assert (each.alone_s, each.local_s) == (alone_s, alone_s)
        assert each.step_s == pytest.approx(1.25 * alone_s)
        assert each.exchange_s == pytest.approx(exchange_s, rel=1e-4)
        assert each.unhidden_s == pytest.approx(alone_s + exchange_s, rel=1e-4)
        assert alone_s < each.hidden_s < each.unhidden_s


def test_the_tables_hold_the_ratios_within_a_round(measured: Measured) -> None:
    text = measured_section(measured)
    assert "| default, 2 x 1 | 20% (20%..20%) | 50% (50%..50%) |" in text  # the exchange's share
    assert "| default, 1 | 2 | 5.33 (5.33..5.33) | 80% |" in text  # weak: 2 / 0.375
    assert "| default, 2 | 2 | 1.33 |" in text  # strong: 0.5 / 0.375
    assert "| 104.0..206.0" not in text
    assert "| 155.0 (104.0..206.0) | 6.45 | +3.5% (+3.0%..+4.0%) |" in text
    assert "| 57.5 (55.0..60.0) | 17.39 | +15.0% (+10.0%..+20.0%) |" in text  # by its own cores
    assert "| default | 2 | 0.50 |" in text
    assert "Smoke run" not in text
    quick = replace(measured, quick_parts=["runs"], steps=[])
    assert "Smoke runs (`--quick`) of: runs." in measured_section(quick)
    assert "Weak scaling" not in measured_section(quick)
    assert "| default, 2 x 2 | 500 |" in calibration_section(measured)


def test_measurements_come_back_as_they_were_written(measured: Measured, tmp_path: Path) -> None:
    path = tmp_path / "results" / "drawn.json"
    with pytest.raises(ValueError, match=r"drawn\.json is missing; run `python -m benchmarks"):
        read_measured(path)
    write_measured(path, measured)
    assert read_measured(path) == measured
    path.write_text("{}")
    with pytest.raises(ValueError, match=r"drawn\.json does not hold measurements"):
        read_measured(path)
