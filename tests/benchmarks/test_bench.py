import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.bench import DOCUMENT_PATH, TOPICS, result_path, result_paths
from benchmarks.bench_tables import bench_section, hardware_section
from benchmarks.markdown import with_sections
from benchmarks.rows import Bench, Ceilings, Row, Run, read_bench, replaced, write_bench

CEILINGS = Ceilings(
    device="cpu",
    device_name="this CPU (X)",
    num_cores=2,
    flops_per_s={"float32": 87e9},
    memory_bytes_per_s=9.6e9,
    disk_read_bytes_per_s=2e9,
)
SPEED = Row(
    topic="a",
    name="fast",
    value=6.0,
    unit="images/s",
    command="python -m x",
    plain=2.0,
    plain_is="plain code",
    limit=8.0,
    limit_is="the memory",
    predicted="2x",
)
TIME = Row(
    topic="b", name="start", value=4.0, unit="s", command="y", plain=10.0, lower_is_better=True
)


RUN = Run(ceilings=CEILINGS, torch="2", commit="c", measured_on="2026-11-27", load=0.5)


def _bench(rows: list[Row]) -> Bench:
    return Bench(runs={row.topic: RUN for row in rows}, rows=rows)


def test_ratios_and_shares_say_how_good_a_row_is_also_where_lower_is_better() -> None:
    assert (SPEED.ratio, SPEED.share_of_limit) == (3.0, 0.75)
    assert (TIME.ratio, TIME.share_of_limit) == (2.5, None)


def test_a_file_holds_the_rows_and_what_plots_show_of_them(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    write_bench(path, _bench([SPEED, TIME]))
    assert read_bench(path) == _bench([SPEED, TIME])
    assert '"ratio": 3.0' in path.read_text()
    path.write_text(path.read_text().replace('"value": 6.0', '"value": "6"'))
    with pytest.raises(ValueError, match=r"bench\.json does not hold rows"):
        read_bench(path)


def test_a_topic_that_is_measured_anew_replaces_its_rows_alone() -> None:
    assert replaced([SPEED, TIME], [TIME]) == [SPEED, TIME]
    assert replaced([SPEED], [TIME]) == [SPEED, TIME]
    faster = replace(SPEED, value=2 * SPEED.value)
    assert replaced([SPEED, TIME], [faster]) == [faster, TIME]


def test_the_table_shows_each_row_with_its_ratio_and_share() -> None:
    text = bench_section(_bench([SPEED, TIME]))
    assert "float32 products 87 GFLOP/s, memory 9.6 GB/s, disk 2.00 GB/s" in text
    assert "| fast | 6 images/s | 2 | 3.00x | 8 | 75% | 2x |" in text
    assert "| start | 4 s | 10 | 2.50x |  |  |  |" in text
    assert "Plain: plain code.\n" in text


def test_topics_of_unlike_runs_name_their_runs() -> None:
    bench = _bench([SPEED, TIME])
    assert bench_section(bench).count("commit c,") == 1
    later = replace(bench, runs=bench.runs | {"b": replace(RUN, commit="d")})
    text = bench_section(later)
    assert text.index("commit c,") < text.index("| fast |") < text.index("commit d,")


def test_rows_that_share_a_note_show_it_once() -> None:
    rows = [replace(SPEED, name=name, note="with maps") for name in ("fast", "slow")]
    text = bench_section(_bench(rows))
    assert text.count("ith maps") == 1
    assert "\nWith maps.\n" in text
    assert "\nfast: with maps.\n" in bench_section(_bench(rows[:1]))


def test_the_document_has_the_table_of_hardware_and_the_measurements() -> None:
    document = DOCUMENT_PATH.read_text()
    measured = "\n".join(bench_section(read_bench(path)) for path in result_paths())
    sections = {"hardware": hardware_section(), "measurements": f"\n{measured}\n"}
    assert with_sections(document, sections) == document


def test_each_machine_has_a_file_of_its_own() -> None:
    named = {
        path: {run.ceilings.device_name for run in read_bench(path).runs.values()}
        for path in result_paths()
    }
    assert {path: {result_path(name) for name in names} for path, names in named.items()} == {
        path: {path} for path in named
    }
    assert result_path("this CPU (AMD EPYC)").name == "bench-cpu-amd-epyc.json"
    assert result_path("NVIDIA H200").name == "bench-nvidia-h200.json"


@pytest.mark.slow
def test_the_step_is_measured_on_a_machine_without_the_pipeline_and_its_tools() -> None:
    assert "training_step" in TOPICS
    program = """
import sys
for name in ("pipelines", "ray", "mlflow", "prefect", "dvc", "torchvision", "torchmetrics"):
    sys.modules[name] = None  # importing it raises ImportError
import benchmarks.bench, benchmarks.training_step
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=DOCUMENT_PATH.parent.parent)
