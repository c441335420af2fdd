from io import BytesIO
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from PIL import Image

from pipelines.tracking.samples import log_sample
from tests.support.tracked_project import everything, new_database, png


class _Unreliable(MlflowClient):
    """Loses the first compressed picture."""

    has_failed = False

    def log_artifact(self, run_id: str, local_path: str, artifact_path: str | None = None) -> None:
        if Path(local_path).suffix == ".webp" and not self.has_failed:
            self.has_failed = True
            raise MlflowException("no answer")
        super().log_artifact(run_id, local_path, artifact_path)


def new_run(folder: Path) -> tuple[str, str]:
    uri = new_database(folder)
    client = MlflowClient(uri)
    experiment_id = client.create_experiment("x", (folder / "files").as_uri())
    return uri, client.create_run(experiment_id).info.run_id


def pictures(uri: str, run_id: str) -> dict[str, bytes]:
    client = MlflowClient(uri)
    paths = [item.path for item in client.list_artifacts(run_id, "images")]
    return {path: Path(client.download_artifacts(run_id, path)).read_bytes() for path in paths}


def test_a_sample_is_what_mlflows_own_client_logs_as_an_image(tmp_path: Path) -> None:
    uri, run_id = new_run(tmp_path / "ours")
    log_sample(MlflowClient(uri), run_id, epoch=7, png=png(1), time_s=1.234)
    its_uri, its_run_id = new_run(tmp_path / "its")
    with Image.open(BytesIO(png(1))) as image:
        MlflowClient(its_uri).log_image(
            its_run_id, image, key="samples", step=7, timestamp=1234, synchronous=True
        )
    small, whole = pictures(uri, run_id).values()
    its_small, its_whole = pictures(its_uri, its_run_id).values()
    assert small == its_small
    with Image.open(BytesIO(whole)) as ours, Image.open(BytesIO(its_whole)) as its:
        assert ours.tobytes() == its.tobytes()
    held, its_held = everything(uri, run_id), everything(its_uri, its_run_id)
    names, its_names = ([name for name, _ in run["files"]] for run in (held, its_held))
    assert names == its_names
    assert held["tags"].keys() == its_held["tags"].keys()
    assert held["tags"]["mlflow.loggedImages"] == its_held["tags"]["mlflow.loggedImages"]


def test_a_sample_that_arrived_by_half_is_made_whole_not_logged_beside_it(tmp_path: Path) -> None:
    """The second attempt is another process's, which trained the epoch again."""
    uri, run_id = new_run(tmp_path)
    with pytest.raises(MlflowException):
        log_sample(_Unreliable(uri), run_id, epoch=7, png=png(1), time_s=1.234)
    [whole] = pictures(uri, run_id)
    log_sample(MlflowClient(uri), run_id, epoch=7, png=png(1), time_s=9.999)
    small = f"{whole.removesuffix('.png')}+compressed.webp"
    assert sorted(pictures(uri, run_id)) == [small, whole]


def test_an_epoch_has_one_sample_whoever_logs_it_again(tmp_path: Path) -> None:
    uri, run_id = new_run(tmp_path)
    for epoch in (1, 11):
        log_sample(MlflowClient(uri), run_id, epoch=epoch, png=png(epoch), time_s=1.234)
    held = pictures(uri, run_id)
    assert len(held) == 4
    for epoch in (1, 11):
        log_sample(MlflowClient(uri), run_id, epoch=epoch, png=png(0), time_s=9.999)
    assert pictures(uri, run_id) == held
