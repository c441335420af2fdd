"""The rows of all machines, and the table of hardware, as sections of docs/performance.md."""

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.markdown import table, with_sections
from benchmarks.rows import Bench, Ceilings, Row, Run
from pix2pix.training.computing import TABLE


def write_document(path: Path, benches: Sequence[Bench]) -> None:
    """Write the sections into the document, and the measurements to the screen."""
    measured = "\n".join(bench_section(bench) for bench in benches)
    sys.stdout.write(measured)
    sections = {"hardware": hardware_section(), "measurements": f"\n{measured}\n"}
    path.write_text(with_sections(path.read_text(), sections))


def hardware_section() -> str:
    """What `auto` means on each kind of hardware."""
    rows = [
        (
            kind.value,
            fast.precision,
            "last" if fast.channels_last else "first",
            "yes" if fast.compile else "no",
            fast.why,
        )
        for kind, fast in TABLE.items()
    ]
    head = ("hardware", "`precision`", "channels", "`compile`", "why")
    return f"\n{table(head, rows)}\n"


def bench_section(bench: Bench) -> str:
    """The tables of one kind of device; where topics are of unlike runs, each names its run."""
    head = (
        "what",
        "value",
        "plain",
        "ratio",
        "limit",
        "share of limit",
        "predicted",
    )
    first, *others = bench.runs.values()
    is_one_run = all(run == first for run in others)
    parts = [f"### {first.ceilings.device_name}\n", *([_run_text(first)] if is_one_run else [])]
    for topic in dict.fromkeys(row.topic for row in bench.rows):
        rows = [row for row in bench.rows if row.topic == topic]
        parts += [
            f"{topic} (`{rows[0].command}`):\n",
            *([] if is_one_run else [_run_text(bench.runs[topic])]),
            table(head, [_cells(row) for row in rows]),
            *_explained(rows),
        ]
    return "\n".join(parts)


def _run_text(run: Run) -> str:
    ceilings = run.ceilings
    return (
        f"{ceilings.device_name}, {ceilings.num_cores} cores, torch {run.torch}, commit "
        f"{run.commit}, {run.measured_on}, load before the start {run.load:.1f}. Ceilings of the "
        f"same run: {_ceilings(ceilings)}.\n"
    )


def _ceilings(ceilings: Ceilings) -> str:
    products = [
        f"{name} products {speed / 1e9:,.0f} GFLOP/s"
        for name, speed in ceilings.flops_per_s.items()
    ]
    memory = f"memory {ceilings.memory_bytes_per_s / 1e9:,.1f} GB/s"
    disk = f"disk {ceilings.disk_read_bytes_per_s / 1e9:,.2f} GB/s"
    return ", ".join([*products, memory, disk])


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.name,
        f"{_number(row.value)} {row.unit}",
        _number(row.plain),
        "" if row.ratio is None else f"{row.ratio:.2f}x",
        _number(row.limit),
        "" if row.share_of_limit is None else f"{row.share_of_limit:.0%}",
        row.predicted,
    )


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _explained(rows: Sequence[Row]) -> list[str]:
    """What plain, limit and notes of these rows are, one sentence each.

    A note that several rows share names by itself what it is about.
    """
    plain = dict.fromkeys(row.plain_is for row in rows if row.plain_is)
    limits = dict.fromkeys(row.limit_is for row in rows if row.limit_is)
    lines = [f"Plain: {'; '.join(plain)}."] if plain else []
    lines += [f"Limit: {'; '.join(limits)}."] if limits else []
    for note in dict.fromkeys(row.note for row in rows if row.note):
        names = [row.name for row in rows if row.note == note]
        lines.append(f"{names[0]}: {note}." if len(names) == 1 else f"{note[0].upper()}{note[1:]}.")
    return [f"{line}\n" for line in lines]
