"""Names that MLflow would refuse after the training are refused when the parameters are read."""

import dataclasses
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pix2pix.config import STUDIES_SUFFIX, Params, parse_params
from pix2pix.errors import UserError
from tests.support.tracked_project import new_database

LONGEST = 256


def _named(params: Params, *, data: str = "facades", **register: str | None) -> Params:
    mapping = dataclasses.asdict(params)
    mapping["register"] |= register
    mapping["data"] |= {"name": data}
    return parse_params(mapping)


@pytest.mark.parametrize(
    "name",
    [
        "", " ", "a/b", "/", "a:b", ".", "..", "../a", "a ", " a", "a\nb", "a\n", "a\x00b", "a\tb",
        "it's", 'a"b', "a?b", "a#b", "a@champion", "a%2Fb", "a\\b", "a\u202eb",
        "x" * (LONGEST + 1),
    ],
)  # fmt: skip
def test_a_model_name_that_fails_in_mlflow_is_refused_at_once(
    default_params: Params, name: str
) -> None:
    with pytest.raises(UserError, match=r"register\.model_name"):
        _named(default_params, model_name=name)


@pytest.mark.parametrize("name", ["", " ", " a", "a ", "a\n", "a\x00", "x" * (LONGEST - 4)])
def test_an_experiment_name_that_fails_in_mlflow_is_refused_at_once(
    default_params: Params, name: str
) -> None:
    with pytest.raises(UserError, match=r"register\.experiment"):
        _named(default_params, experiment=name)


def test_a_data_set_whose_models_name_would_be_too_long_is_refused(default_params: Params) -> None:
    with pytest.raises(UserError, match=r"data\.name is too long"):
        _named(default_params, data="x" * LONGEST, model_name=None)
    assert _named(default_params, data="x" * LONGEST, model_name="short")


@pytest.mark.parametrize("name", ["a", "a b", "A_1.0-x", "ä名", "x" * LONGEST])
def test_what_is_taken_mlflow_takes(default_params: Params, tmp_path: Path, name: str) -> None:
    client = MlflowClient(new_database(tmp_path))
    params = _named(default_params, model_name=name, experiment=f"{name[:200]}/it's: 100%")
    for suffix in ("", STUDIES_SUFFIX):
        experiment = f"{params.register.experiment}{suffix}"
        made = client.create_experiment(experiment)
        assert client.get_experiment_by_name(experiment).experiment_id == made
    run_id = client.create_run(made).info.run_id
    client.create_registered_model(params.registered_name)
    [found] = client.search_registered_models(f"name = '{name}'")
    version = client.create_model_version(found.name, f"file://{tmp_path}", run_id=run_id)
    client.set_registered_model_alias(name, "champion", version.version)
    assert client.get_model_version_by_alias(name, "champion").version == version.version
