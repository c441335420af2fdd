"""A flow that searches for better parameters before it trains, with a real study."""

import pytest
from ruamel.yaml import YAML

from tests.support.project import Project
from tests.support.served_project import TINY

pytestmark = [pytest.mark.soak, pytest.mark.pipeline, pytest.mark.timeout(900)]

FLOW = ("python", "-m", "pipelines.flows.train_pix2pix")


def test_what_a_search_found_is_used_in_the_run_s_own_workspace(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project.set_params("smoke", **TINY, dropout_layout="torch")
    home = tmp_path_factory.mktemp("home")
    project.run("env", f"PREFECT_HOME={home}", *FLOW, "--include-local-changes", "--tune-first",
                "-S", "train.seed=6", "--targets", "prepare")  # fmt: skip
    experiment, *_ = project.run("dvc", "exp", "list", "--sha-only").stdout.split()
    shown = project.run("git", "show", f"{experiment}:params.yaml", check=False).stdout
    found = project.run("git", "show", f"{experiment}:reports/tune/best_params.yaml").stdout
    best, used = YAML(typ="safe").load(found), YAML(typ="safe").load(shown)
    assert set(best) == {"train", "model"}
    for section, values in best.items():
        assert {key: used[section][key] for key in values} == values
    assert used["train"]["seed"] == 6
    mine = YAML(typ="safe").load((project.folder / "params.yaml").read_text())
    assert mine["train"]["learning_rate"] == 0.0002
    assert not (project.folder / "reports" / "tune").exists()
