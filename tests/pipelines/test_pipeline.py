"""The whole pipeline by `dvc repro`, with real DVC, Ray and MLflow, on the smallest parameters."""

import csv
import hashlib
import json
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import pytest
from dvc.repo import Repo
from mlflow import MlflowClient

from pipelines.paths import PARENT_PATH, TUNE_DIR
from pipelines.tracking.finished_run import read_history
from pix2pix.model_card import load_card
from tests.support.killable_project import copied, start
from tests.support.project import Project, copy_project
from tests.support.served_project import TINY
from tests.support.tracked_project import metric_points, new_database

pytestmark = [pytest.mark.pipeline]


LOSSES = Path("pix2pix/training/losses.py")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project after its first `dvc repro register`; what a test changes in it, it sets back.

    It was trained with code that is not committed, in a changed file and in a new one.
    """
    project = copy_project(tmp_path_factory.mktemp("finished"))
    project.set_params("smoke", **TINY)
    losses = project.folder / LOSSES
    losses.with_name("share.py").write_text("SHARE = 0.25\n")
    text = losses.read_text()
    for old, new in (
        ("0.5 * (real + fake)", "0.5 * (real + SHARE * fake)"),
        ("import torch\n", "import torch\nfrom pix2pix.training.share import SHARE\n"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    losses.write_text(text)
    new_database(project.folder)
    project.run("dvc", "repro", "register")
    # The search, on which nothing depends, is run by tests/pipelines/served/test_flow_runs.py: DVC
    # only has to know that it was made of these files.
    (project.folder / TUNE_DIR).mkdir()
    project.run("dvc", "commit", "--force", "tune")
    return project


@pytest.fixture(scope="module")
def tuned_further(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of it, in which another training started from the registered version."""
    project = copied(finished, tmp_path_factory.mktemp("tuned") / "project")
    parent = {"init_from": "models:/pix2pix-tiny/1", "learning_rate": "0.0001"}
    project.set_params("smoke", **TINY | parent)
    project.run("dvc", "repro", "register")
    return project


def _json(project: Project, name: str) -> dict[str, object]:
    loaded: dict[str, object] = json.loads((project.folder / "reports" / name).read_text())
    return loaded


@pytest.fixture
def database(finished: Project, tmp_path: Path) -> str:
    """A copy of MLflow's: a process keeps connections to what it has opened once."""
    return _copied_database(finished, tmp_path / "before.db")


def _copied_database(project: Project, copy: Path) -> str:
    shutil.copyfile(project.folder / "mlflow.db", copy)
    return f"sqlite:///{copy}"


def _points(project: Project, database: str) -> dict[str, list[tuple[int, float, int]]]:
    """All metric points of the registered run."""
    return metric_points(database, str(_json(project, "register.json")["run_id"]))


def test_it_ends_with_a_registered_model_and_its_scores(finished: Project, database: str) -> None:
    registration = _json(finished, "register.json")
    assert (registration["model"], registration["version"]) == ("pix2pix-tiny", "1")
    version = MlflowClient(database).get_model_version("pix2pix-tiny", "1")
    assert version.run_id == registration["run_id"]
    test = _json(finished, "metrics.json")["test"]
    assert isinstance(test, dict)
    assert test["num_images"] == 4
    assert test["l1_low"] <= test["l1"] <= test["l1_high"]
    assert {"psnr_db", "ssim", "frechet_efficientnet_lite0"} <= set(test)


def test_per_image_scores_average_to_the_reported_one(finished: Project) -> None:
    with (finished.folder / "reports" / "per_image.csv").open() as file:
        rows = list(csv.DictReader(file))
    test = _json(finished, "metrics.json")["test"]
    assert isinstance(test, dict)
    mean = sum(float(row["l1"]) for row in rows) / len(rows)
    assert mean == pytest.approx(test["l1"], rel=1e-5)


def test_the_history_starts_untrained_and_is_in_mlflow_point_by_point(
    finished: Project, database: str
) -> None:
    history = read_history(finished.folder / "reports" / "history.jsonl")
    assert [record["epoch"] for record in history] == [0, 1]
    assert "train/loss_g" not in history[0]
    expected = sorted(
        (name, int(record["epoch"]), value)
        for record in history
        for name, value in record.items()
        if "/" in name
    )
    logged = sorted(
        (name, epoch, value)
        for name, held in _points(finished, database).items()
        for epoch, value, _ in held
        if not name.startswith("test/")
    )
    assert logged == expected


def test_the_summary_names_model_pictures_and_ui(finished: Project) -> None:
    said = finished.run("pix2pix", "summary").stdout
    assert "pix2pix-tiny version 1" in said
    assert "reports/samples/epoch_0001.png" in said
    assert "make ui" in said
    assert "L1 (low)" in said


def test_dvc_shows_metrics_and_plots(finished: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished.folder)
    with Repo() as repo:
        shown = repo.metrics.show()
    assert shown[""]["data"]["reports/metrics.json"]["data"]["test"]["num_images"] == 4
    assert "failed to load" not in finished.run("dvc", "plots", "show").stderr
    page = (finished.folder / "dvc_plots" / "index.html").read_text()
    assert "dev/l1_deterministic" in page
    assert "train/loss_d" in page
    assert "epoch_0001" in page


def test_a_second_run_does_nothing_but_give_an_empty_mlflow_the_run_with_its_full_history(
    finished: Project, database: str, tmp_path: Path
) -> None:
    before = _points(finished, database)
    for name in ("mlflow.db", "mlartifacts"):
        (finished.folder / name).rename(tmp_path / name)
    said = finished.run("dvc", "repro").stdout
    for stage in ("ingest", "prepare", "train", "tune", "evaluate"):
        assert f"Stage '{stage}' didn't change, skipping" in said
    assert _json(finished, "register.json")["version"] == "1"
    assert _points(finished, _copied_database(finished, tmp_path / "after.db")) == before


@pytest.mark.parametrize(
    ("source", "stages"),
    [
        ("pix2pix/evaluation/quality.py", {"evaluate", "register", "parent"}),
        ("pix2pix/models/layers.py", {"train", "tune", "evaluate", "register", "parent"}),
        ("pix2pix/sources/download.py", {"ingest", "tune", "evaluate", "register", "parent"}),
        ("pix2pix/sources/unpack.py", {"ingest", "register", "parent"}),
        ("pix2pix/sources/facade/building.py", {"ingest", "register", "parent"}),
        ("pix2pix/images/decode.py", {"prepare", "register", "parent"}),
        ("pipelines/cluster/mailbox.py", {"parent", "register"}),
        ("pipelines/repository/git.py", {"parent", "register"}),
        ("pipelines/tracking/live_run.py", {"parent", "register"}),
    ],
)
def test_what_an_edit_makes_anew(
    finished: Project, source: str, stages: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished.folder)
    with _edited(Path(source)), Repo() as repo:
        assert set(repo.status()) == stages


def test_a_fine_tuned_model_starts_with_its_parents_scores_and_names_it(
    finished: Project, tuned_further: Project, tmp_path: Path
) -> None:
    """On the same data, so that epoch 0 scores as the parent did, to the last bit."""
    before = load_card(finished.folder / "models")
    card = load_card(tuned_further.folder / "models")
    history = read_history(tuned_further.folder / "reports" / "history.jsonl")
    assert {key: history[0][key] for key in before.dev} == before.dev
    assert card.parent is not None
    assert card.parent.reference == "models:/pix2pix-tiny/1"
    assert (card.parent.networks, card.parent.new_layers, card.parent.unlike) == ("both", (), None)
    record = _json(tuned_further, "train.json")
    assert record["parent"] == json.loads(json.dumps(asdict(card.parent)))
    client = MlflowClient(_copied_database(tuned_further, tmp_path / "mlflow.db"))
    version = client.get_model_version("pix2pix-tiny", "2")
    assert version.tags["parent"] == "models:/pix2pix-tiny/1"
    assert client.get_run(str(version.run_id)).data.tags["parent"] == "models:/pix2pix-tiny/1"
    assert (
        "both networks of [models:/pix2pix-tiny/1](#/models/pix2pix-tiny/versions/1)"
        in version.description
    )
    shown = tuned_further.run("pix2pix", "lineage", "models:/pix2pix-tiny/2").stdout
    assert "parent       both networks of models:/pix2pix-tiny/1\n" in shown
    file = (tuned_further.folder / PARENT_PATH).read_bytes()
    assert f"{PARENT_PATH} in DVC: {hashlib.md5(file).hexdigest()}" in shown
    first = client.get_model_version("pix2pix-tiny", "1")
    assert first.tags["pix2pix.model_sha256"] == card.parent.model_sha256


def test_after_a_fine_tuning_nothing_is_trained_again(tuned_further: Project) -> None:
    said = tuned_further.run("dvc", "repro", "train").stdout
    assert "Stage 'train' didn't change, skipping" in said


@contextmanager
def _edited(path: Path) -> Iterator[None]:
    text = path.read_text()
    path.write_text(text + "\n# edited\n")
    try:
        yield
    finally:
        path.write_text(text)


@pytest.fixture(scope="module")
def gone_on(tuned_further: Project) -> Project:
    """The project when its code is another one, in a later commit; only for the tests below."""
    tuned_further.run("git", "checkout", "-q", "--", LOSSES.as_posix())
    (tuned_further.folder / LOSSES).with_name("share.py").unlink()
    readme = tuned_further.folder / "README.md"
    readme.write_text(readme.read_text() + "Later.\n")
    tuned_further.commit("Go on")
    return tuned_further


REPRODUCE = ("pix2pix", "reproduce", "models:/pix2pix-tiny/2")


def _reproduced_tag(project: Project, copy: Path) -> str | None:
    client = MlflowClient(_copied_database(project, copy))
    return client.get_model_version("pix2pix-tiny", "2").tags.get("pix2pix.reproduced")


def test_a_fine_tuned_version_is_reproduced_bit_for_bit_also_after_an_interruption(
    gone_on: Project, tmp_path: Path
) -> None:
    """It was trained with code that was not committed, and from another version."""
    workspaces = gone_on.folder / ".workspaces"
    process = start(gone_on, REPRODUCE)
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if "INFO train: " in line:
            process.send_signal(signal.SIGTERM)
            break
    said += process.communicate()[0]
    assert process.returncode == 128 + signal.SIGTERM, said
    assert not (gone_on.folder / "reports" / "reproductions").exists()
    assert _reproduced_tag(gone_on, tmp_path / "interrupted.db") is None
    assert len([*workspaces.iterdir()]) == 1

    said = gone_on.run(*REPRODUCE).stderr
    assert "going on in the workspace" in said
    assert "was reproduced: all weights are equal, bit for bit" in said
    assert [*workspaces.iterdir()] == []
    certificate = _json(gone_on, "reproductions/pix2pix-tiny-2.json")
    assert certificate["recorded_weights"] == certificate["rebuilt_weights"]
    assert certificate["has_patch"] is True
    assert certificate["parent"] == "both networks of models:/pix2pix-tiny/1; taken from DVC"
    assert certificate["environment_changes"] == []
    scores = certificate["scores"]
    assert isinstance(scores, list)
    assert all(row["recorded"] == row["rebuilt"] for row in scores)
    tag = _reproduced_tag(gone_on, tmp_path / "reproduced.db")
    assert str(tag).startswith("yes, 2")


@pytest.mark.soak  # a whole training more, 40 s of CPU, whose verdicts test_comparisons.py tests
def test_a_version_whose_record_is_not_of_its_code_is_not_reproduced_and_certified_as_such(
    gone_on: Project, tmp_path: Path
) -> None:
    client = MlflowClient(_copied_database(gone_on, tmp_path / "before.db"))
    run = client.get_run(str(client.get_model_version("pix2pix-tiny", "2").run_id))
    path = Path(url2pathname(urlparse(run.info.artifact_uri).path)) / "provenance" / "lineage.json"
    lineage = json.loads(path.read_text())
    assert "share.py" in lineage["training"]["origin"]["patch"]
    lineage["training"]["origin"] |= {"is_dirty": False, "patch": ""}
    path.write_text(json.dumps(lineage))
    done = gone_on.run(*REPRODUCE, check=False)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "was not reproduced: the weights of generator.safetensors and discriminator" in last
    text = (gone_on.folder / "reports" / "reproductions" / "pix2pix-tiny-2.md").read_text()
    assert text.startswith("# pix2pix-tiny version 2: not reproduced\n")
    assert "| tensor | largest difference |" in text
    assert str(_reproduced_tag(gone_on, tmp_path / "after.db")).startswith("no, 2")
