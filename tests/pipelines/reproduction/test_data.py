"""Where the pairs of a version come from: the raw pairs, DVC's cache, its remote, or nowhere."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipelines.processes.shell import Shell, stage_environment
from pipelines.registry.lineage import Lineage
from pipelines.reproduction.data import bring_data
from pipelines.reproduction.params import params_here
from pipelines.runs.machines import Machine
from pipelines.tracking.description import data_record
from pix2pix.config import SyntheticConfig, load_params
from pix2pix.data.manifest import load_manifest
from pix2pix.errors import UserError
from pix2pix.sources.synthetic import write_synthetic
from tests.support.project import Project, copy_project
from tests.support.tracked_project import train_record

pytestmark = [pytest.mark.pipeline]

MACHINE = Machine(
    host="h", system="s", cpu="c", instruction_set="i", gpu=None, threads=1, num_workers=1
)


@dataclasses.dataclass
class Prepared:
    """A project whose pairs, in a folder of the user, were prepared, and what was recorded."""

    project: Project
    lineage: Lineage

    @property
    def params(self) -> dict[str, Any]:
        return dict(self.lineage.training.params)

    def bring(self) -> str:
        shell = Shell(
            folder=self.project.folder,
            environment=stage_environment(self.project.folder),
            logs_dir=self.project.folder / "logs",
        )
        shutil.rmtree(self.project.folder / "data" / "prepared", ignore_errors=True)
        return bring_data(shell, self.lineage, self.params)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """The project has a remote, which has the prepared pairs."""
    project = copy_project(tmp_path_factory.mktemp("prepared"))
    project.set_params("smoke", source="folder", path="mine", image_size="32", load_size="36")
    write_pairs(project, seed=0)
    project.run("dvc", "repro", "prepare")
    (project.folder / "remote").mkdir()
    project.run("dvc", "remote", "add", "--local", "-d", "here", "remote")
    project.run("dvc", "push", "prepare")
    return Prepared(project, _lineage(project))


def write_pairs(project: Project, *, seed: int) -> None:
    folder = project.folder / "mine"
    shutil.rmtree(folder, ignore_errors=True)
    write_synthetic(folder, SyntheticConfig(num_train=12, num_test=4, size_px=64, seed=seed))


def _lineage(project: Project) -> Lineage:
    params = load_params(project.folder / "params.yaml")
    manifest = load_manifest(project.folder / "data" / "prepared")
    status = project.run("dvc", "ls", ".", "data", "--dvc-only", "--json", "--show-hash").stdout
    md5 = {f"data/{item['path']}": item["md5"] for item in json.loads(status)}
    return Lineage(
        format=1,
        training=train_record(
            params, data=data_record(manifest, name="smoke-drawn"), machines=(MACHINE,)
        ),
        outputs={"data/prepared": md5["data/prepared"]},
        weights={},
        scores={},
    )


def test_the_pairs_are_prepared_again_or_come_from_cache_or_remote_or_are_missed(
    prepared: Prepared,
) -> None:
    """Steps of one story, because each costs processes of DVC."""
    project = prepared.project
    assert prepared.bring() == "prepared again from the raw pairs"

    write_pairs(project, seed=1)  # the user's folder has changed since
    said = prepared.bring()
    assert said.startswith("taken from DVC, because the stage prepare could not make them again")
    assert "the pairs of train, dev, test differ" in said

    shutil.rmtree(project.folder / "mine")
    shutil.rmtree(project.folder / ".dvc" / "cache")
    assert "mine is not a folder" in prepared.bring()  # and so they come from the remote

    shutil.rmtree(project.folder / ".dvc" / "cache")
    shutil.rmtree(project.folder / "remote")
    (project.folder / "remote").mkdir()
    data_hash = prepared.lineage.training.data.data_hash
    with pytest.raises(UserError, match="data/prepared is neither in the cache nor in the remote"):
        prepared.bring()
    project.run("dvc", "remote", "remove", "--local", "here")
    with pytest.raises(UserError, match=f"the pairs with the hash {data_hash} cannot be had") as no:
        prepared.bring()
    assert "mine is not a folder" in str(no.value)
    assert "in the cache nor is a remote set" in str(no.value)


def test_films_that_dvc_has_are_brought_into_the_workspace(
    prepared: Prepared, project: Project
) -> None:
    films = project.folder / "data" / "films"
    films.mkdir()
    (films / "a.mp4").write_text("no film")
    project.run("dvc", "add", "data/films")
    shutil.rmtree(films)
    project.set_params("smoke", source="video", path="data/films", layout="two_folders",
                       group='"(.+)/"')  # fmt: skip
    params = prepared.params | {"data": {**prepared.params["data"], "source": "video"}}
    record = dataclasses.replace(prepared.lineage.training, params=params)
    lineage = dataclasses.replace(prepared.lineage, training=record)
    with pytest.raises(UserError, match="cannot be had"):  # as it is no film
        Prepared(project, lineage).bring()
    assert (films / "a.mp4").read_text() == "no film"


def test_what_the_result_depends_on_is_as_recorded_and_where_it_runs_is_here(
    prepared: Prepared, tmp_path: Path
) -> None:
    record = prepared.lineage.training
    params = json.loads(json.dumps(prepared.params))
    params["train"] |= {
        "ray_address": "10.0.0.1:6379",
        "num_workers": [1, 8],
        "precision": "auto",
        "channels_last": "auto",
        "storage_path": "s3://bucket/runs",
    }
    record = dataclasses.replace(
        record,
        params=params,
        computing={"precision": "float32", "channels_last": False, "reason": "x"},
        machines=(dataclasses.replace(MACHINE, threads=1, num_workers=2),),
    )
    here = params_here(record, checkout=tmp_path, project_dir=Path("/somewhere"))
    changed = {
        f"{section}.{key}": value
        for section, values in here.items()
        for key, value in values.items()
        if params[section][key] != value
    }
    assert changed == {
        "data.path": "/somewhere/mine",
        "train.ray_address": None,
        "train.num_workers": 2,
        "train.precision": "float32",
        "train.channels_last": False,
        "train.cpus_per_worker": 1,
        "train.device": "cpu",
        "train.storage_path": "s3://bucket/runs/reproductions",
        "register.experiment": "pix2pix-reproductions",
    }
    (tmp_path / "mine.dvc").touch()
    tracked = params_here(record, checkout=tmp_path, project_dir=Path("/somewhere"))
    assert tracked["data"]["path"] == "mine"
