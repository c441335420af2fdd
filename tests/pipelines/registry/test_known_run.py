"""Which run has trained a model on a data set, among runs and versions without files."""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipelines.registry.is_new_data import known_run
from pipelines.tracking.described_run import DATA_HASH_TAG

OURS, OTHERS = "a" * 64, "b" * 64  # hashes of data


@pytest.fixture
def client(tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """With two experiments and two models."""
    monkeypatch.chdir(tmp_path)
    client = MlflowClient(uri)
    for name in ("ours", "other"):
        client.create_experiment(name)
        client.create_registered_model(name)
    return client


def trained(
    client: MlflowClient,
    started_ms: int,
    *,
    experiment: str = "ours",
    model: str | None = "ours",
    data_hash: str = OURS,
    status: str = "FINISHED",
) -> str:
    """The id of a run with a version of `model`; None: with none."""
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    run_id: str = client.create_run(found.experiment_id, start_time=started_ms).info.run_id
    if model is not None:
        tags = {DATA_HASH_TAG: data_hash}
        client.create_model_version(model, "nowhere", run_id=run_id, tags=tags)
    client.set_terminated(run_id, status)
    return run_id


def known(client: MlflowClient, experiment: str = "ours") -> str | None:
    return known_run(client, experiment=experiment, model="ours", data_hash=OURS)


def test_it_is_the_latest_finished_one_that_has_a_version_on_the_data(
    client: MlflowClient,
) -> None:
    trained(client, 1)
    latest = trained(client, 3)
    trained(client, 2)
    trained(client, 4, status="FAILED")
    trained(client, 5, model="other")
    trained(client, 6, model=None)
    trained(client, 7, data_hash=OTHERS)
    elsewhere = trained(client, 8, experiment="other")
    client.create_model_version("ours", "nowhere", tags={DATA_HASH_TAG: OURS})  # of no run
    assert known(client) == latest
    assert known(client, experiment="other") == elsewhere
    assert known(client, experiment="none") is None


def test_there_is_none_without_a_version(client: MlflowClient) -> None:
    trained(client, 1, model=None)
    trained(client, 2, data_hash=OTHERS)
    client.create_model_version("ours", "nowhere", tags={DATA_HASH_TAG: OURS})  # of no run
    assert known(client) is None
