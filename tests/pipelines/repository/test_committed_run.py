"""The run that is committed: its scores, and the dvc.lock that says where they come from.

Both are in git, so that a fresh clone shows scores and has something to compare its own with. How
they are made: CONTRIBUTING.md, "Before a release". An edit of the code does not make them wrong;
other parameters, other stages, or one file without the other do.
"""

import hashlib
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[3]
TO_A_MODEL = {"ingest", "prepare", "parent", "train", "evaluate", "register"}


def committed(path: str) -> bytes:
    """Return the file as it is in the last commit: the working copy may have another run."""
    done = subprocess.run(["git", "-C", str(ROOT), "show", f"HEAD:{path}"], capture_output=True)
    if done.returncode:
        pytest.skip(f"{path} is not committed")
    return done.stdout


def parsed(path: str) -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(committed(path).decode())
    return loaded


@pytest.fixture
def lock() -> dict[str, Any]:
    stages: dict[str, Any] = parsed("dvc.lock")["stages"]
    return stages


def output(stage: dict[str, Any], path: str) -> str:
    (md5,) = (out["md5"] for out in stage["outs"] if out["path"] == path)
    return str(md5)


def test_the_committed_scores_are_those_of_the_committed_lock(lock: dict[str, Any]) -> None:
    metrics = committed("reports/metrics.json")
    recorded = output(lock["evaluate"], "reports/metrics.json")
    assert hashlib.md5(metrics).hexdigest() == recorded
    assert json.loads(metrics)["test"]["l1"] > 0


def test_the_readme_shows_the_committed_scores() -> None:
    readme, metrics = committed("README.md").decode(), parsed("reports/metrics.json")
    frechet = "frechet_efficientnet_lite0"
    columns = [metrics["test"], *metrics["baselines"].values()]
    for label, key in (("L1 (low)", "l1"), ("Frechet (low)", frechet)):  # the end of `make run`
        shown = [f"{column[key]:.4g}" if key in column else "-" for column in columns]
        assert re.search(r" +".join(map(re.escape, [label, *shown])), readme), shown
    assert f"promoted: dev L1 {metrics['dev']['dev/l1']:.4g};" in readme
    model, mean, identity, real = columns
    table = (
        f"| **model** | {_cell(model, 'l1', '.3f')} | {_cell(model, frechet, '.0f')} |",
        f"| {mean['l1']:.3f} / {identity['l1']:.3f} | {mean[frechet]:.0f} / "
        f"{identity[frechet]:.0f} |",
        f"Two sets of real targets of these sizes lie {real[frechet]:.0f},",
    )
    assert [row for row in table if row not in readme] == []


def _cell(scores: dict[str, float], key: str, form: str) -> str:
    low, high = scores[f"{key}_low"], scores[f"{key}_high"]
    return f"**{scores[key]:{form}}** ({low:{form}}\u2013{high:{form}})"


def test_each_committed_stage_used_the_committed_outputs_of_the_stages_before(
    lock: dict[str, Any],
) -> None:
    stages = parsed("dvc.yaml")["stages"]
    assert TO_A_MODEL <= lock.keys() <= stages.keys()
    made = {
        out["path"]: out["md5"] for name in TO_A_MODEL for out in lock[name]["outs"] if "md5" in out
    }
    for name in TO_A_MODEL:
        for used in lock[name]["deps"]:
            assert made.get(used["path"], used.get("md5")) == used.get("md5"), (name, used["path"])


def test_the_committed_scores_are_of_the_committed_parameters(lock: dict[str, Any]) -> None:
    params = parsed("params.yaml")
    for name in TO_A_MODEL:
        for key, value in lock[name].get("params", {}).get("params.yaml", {}).items():
            now: Any = params
            for part in key.split("."):
                now = now[part]
            assert now == value, f"{name}: {key}"


@pytest.mark.parametrize(
    ("path", "is_ignored"),
    [
        ("data/raw", True),
        ("data/prepared", True),
        ("data/cache", True),
        ("models", True),
        ("reports/samples", True),
        ("reports/.registered.json", True),
        ("data/README.md", False),
        ("data/mine.dvc", False),
        ("data/archives.json", False),
        ("dvc.lock", False),
        ("reports/metrics.json", False),
    ],
)
def test_git_has_the_files_that_describe_the_data_and_the_scores(
    path: str, is_ignored: bool
) -> None:
    asked = ["git", "-C", str(ROOT), "check-ignore", "--quiet", "--no-index", path]
    assert (subprocess.run(asked).returncode == 0) == is_ignored
