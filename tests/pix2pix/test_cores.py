import os
from pathlib import Path

import pytest

from pix2pix import control_groups
from pix2pix.cores import num_cores


@pytest.mark.parametrize(
    ("outer", "inner", "cores"),
    [
        ("max 100000", "max 100000", 64),
        ("max 100000", "200000 100000", 2),
        ("150000 100000", "400000 100000", 2),
        ("50000 100000", "max 100000", 1),
        ("9900000 100000", "max 100000", 64),
    ],
)
def test_a_container_s_share_of_the_machine_limits_the_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outer: str, inner: str, cores: int
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "cpu.max").write_text(f"{outer}\n")
    (tmp_path / "a" / "b" / "cpu.max").write_text(f"{inner}\n")
    (tmp_path / "own").write_text("0::/a/b\n")
    monkeypatch.setattr(control_groups, "_ROOT", tmp_path)
    monkeypatch.setattr(control_groups, "_OWN", tmp_path / "own")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert num_cores() == cores


def test_without_control_groups_the_cores_to_run_on_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_groups, "_OWN", tmp_path / "absent")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5}, raising=False)
    assert num_cores() == 2
