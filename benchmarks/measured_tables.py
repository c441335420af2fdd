"""What was measured, and how well the model predicts it, as markdown."""

from statistics import median

from benchmarks.calibration import fitted_cluster, predictions, step_s
from benchmarks.markdown import spread, table
from benchmarks.results import Measured, StepTimes

_VARIANTS = {
    "bare": "bare loop",
    "ray": "under Ray: reports and checkpoints of every epoch",
    "ray_mlflow": "the same, followed by MLflow (SQLite)",
}


def measured_section(measured: Measured) -> str:
    """All measurements of one file."""
    machine = measured.machine
    where = (
        f"{machine.processor}, {machine.num_cores} cores, {machine.cores_per_worker} per worker; "
        f"torch {machine.torch}, ray {machine.ray}; {machine.measured_on}. Medians of repeats, "
        "lowest and highest in brackets.\n"
    )
    smoke = (
        f"**Smoke runs (`--quick`) of: {', '.join(measured.quick_parts)}. Their figures only show "
        "that the programs work.**\n"
    )
    parts = [where, smoke] if measured.quick_parts else [where]
    if measured.steps:
        parts += [
            f"Weak scaling: images per worker fixed:\n\n{_weak(measured)}",
            f"Strong scaling: images per step fixed:\n\n{_strong(measured)}",
            f"Share of a step that exchanging gradients costs:\n\n{_exchange(measured)}",
            f"Sums over workers that do nothing else:\n\n{_sums(measured)}",
        ]
    if measured.runs:
        title = "Framework: the same training after start-up and first epoch"
        parts.append(f"{title}:\n\n{_framework(measured)}")
    if measured.checkpoints:
        loader = spread(measured.loader_images_per_s, ".0f")
        parts += [
            f"Checkpoints, local disk, flushed:\n\n{_checkpoints(measured)}",
            f"One loader process, default preset: {loader} images/s.\n",
        ]
    return "\n" + "\n".join(parts) + "\n"


def calibration_section(measured: Measured) -> str:
    """What the model predicts of several workers, beside what was measured."""
    rows = []
    for each in predictions(measured):
        rows.append(
            (
                f"{each.preset}, {each.num_workers} x {each.batch}",
                f"{1e3 * each.alone_s:.0f}",
                f"{1e3 * each.hidden_s:.0f}",
                f"{1e3 * each.unhidden_s:.0f}",
                f"{1e3 * each.step_s:.0f}",
                f"{each.hidden_s / each.step_s - 1:+.0%}",
                f"{each.unhidden_s / each.step_s - 1:+.0%}",
                f"{each.local_s / each.alone_s - 1:+.0%}",
                f"{1e3 * each.exchange_s:.0f}",
                f"{1e3 * (each.step_s - each.local_s):.0f}",
            )
        )
    head = (
        "preset, workers x images",
        "one worker, ms",
        "predicted, hidden, ms",
        "predicted, not hidden, ms",
        "measured, ms",
        "error, hidden",
        "error, not hidden",
        "slower side by side",
        "exchange predicted, ms",
        "exchange measured, ms",
    )
    fits = []
    for size in sorted({each.num_workers for each in measured.all_reduces}):
        cluster = fitted_cluster(measured, size)
        speed = cluster.network_bytes_per_s / 1e9
        latency = 1e6 * cluster.network_latency_s
        fits.append(
            f"Fitted to sums over {size}: {speed:.2f} GB/s, {latency:.0f} us per message.\n"
        )
    return f"\n{''.join(fits)}\n{table(head, rows)}\n"


def _weak(measured: Measured) -> str:
    rows = []
    for step in _with_exchange(measured):
        speeds = [step.num_workers * step.batch / each for each in step.step_s]
        alone = step.batch / step_s(measured, step.preset, 1, step.batch, "none")
        rows.append(
            (
                f"{step.preset}, {step.batch}",
                str(step.num_workers),
                spread(speeds, ".2f"),
                f"{median(speeds) / alone / step.num_workers:.0%}",
            )
        )
    return table(("preset, images per worker", "workers", "images/s", "efficiency"), rows)


def _strong(measured: Measured) -> str:
    rows = []
    steps = _with_exchange(measured)
    alone = {(s.preset, s.batch): median(s.step_s) for s in steps if s.num_workers == 1}
    for step in steps:
        total = step.num_workers * step.batch
        if step.num_workers > 1 and (step.preset, total) in alone:
            ratio = alone[step.preset, total] / median(step.step_s)
            rows.append((f"{step.preset}, {total}", str(step.num_workers), f"{ratio:.2f}"))
    return table(("preset, images per step", "workers", "times as fast as one"), rows)


def _exchange(measured: Measured) -> str:
    rows = []
    for local in measured.steps:
        if local.num_workers == 1 or local.exchange != "none":
            continue
        shares = [
            [1 - off / on for on, off in zip(step.step_s, local.step_s, strict=True)]
            for kind in ("float32", "bfloat16")
            for step in measured.steps
            if (step.preset, step.num_workers, step.batch, step.exchange)
            == (local.preset, local.num_workers, local.batch, kind)
        ]
        name = f"{local.preset}, {local.num_workers} x {local.batch}"
        rows.append((name, *(spread(share, ".0%") for share in shares)))
    return table(("preset, workers x images", "float32", "bfloat16"), rows)


def _sums(measured: Measured) -> str:
    rows = [
        (
            f"{each.num_bytes:,}",
            str(each.num_workers),
            spread([1e3 * second for second in each.seconds], ".2f"),
            f"{each.num_bytes / median(each.seconds) / 1e9:.2f}",
        )
        for each in measured.all_reduces
    ]
    return table(("bytes", "workers", "ms", "GB/s"), rows)


def _framework(measured: Measured) -> str:
    bare = {run.worker_cores: run.elapsed_s for run in measured.runs if run.variant == "bare"}
    rows = []
    for run in measured.runs:
        alone = bare[run.worker_cores]
        ratios = [taken / each for taken, each in zip(run.elapsed_s, alone, strict=True)]
        rows.append(
            (
                str(run.worker_cores),
                _VARIANTS[run.variant],
                spread(run.elapsed_s, ".1f"),
                f"{run.num_images / median(run.elapsed_s):.2f}",
                spread([ratio - 1 for ratio in ratios], "+.1%"),
            )
        )
    return table(("cores of the worker", "variant", "s", "images/s", "overhead"), rows)


def _checkpoints(measured: Measured) -> str:
    rows = [
        (each.preset, f"{each.num_bytes / 2**20:.0f}", spread(each.write_s, ".2f"))
        for each in measured.checkpoints
    ]
    return table(("preset", "MiB", "s"), rows)


def _with_exchange(measured: Measured) -> list[StepTimes]:
    """The steps as a training makes them: one worker has nothing to exchange."""
    return [
        step
        for step in measured.steps
        if step.exchange == ("none" if step.num_workers == 1 else "float32")
    ]
