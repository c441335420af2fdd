"""A registered model answers as the translator does, wherever it is loaded."""

import dataclasses
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from pipelines.registry.mlflow_state import state_sha256
from pix2pix.config import Params
from pix2pix.inference import Translator
from pix2pix.models import DiscriminatorConfig, GeneratorConfig
from tests.support.mlflow_process import serving
from tests.support.model_folders import PHOTO, source_image, write_model
from tests.support.model_requests import WRONG_BODIES, ask, body
from tests.support.registrations import NAME, register
from tests.support.tracked_project import (
    complete,
    metric_points,
)

pytestmark = pytest.mark.slow  # models are registered in each: a second and more


@pytest.mark.parametrize("mode", ["published", "deterministic"])
def test_a_registered_model_translates_as_the_translator_does(
    mode: str, uri: str, project: Path, default_params: Params
) -> None:
    write_model(project / "models", inference_mode=mode)
    registration = register(uri, project, complete(uri, project, default_params))
    assert registration.model_uri == f"models:/{NAME}/1"
    images = np.stack([source_image(40, 51), source_image(40, 51)[::-1]])
    served = mlflow.pyfunc.load_model(registration.model_uri).predict(images)
    expected = Translator.load(project / "models").translate_batch(images)
    assert served.dtype == expected.dtype
    np.testing.assert_array_equal(served, expected)


def test_a_model_refuses_images_of_another_kind(
    uri: str, project: Path, default_params: Params
) -> None:
    registration = register(uri, project, complete(uri, project, default_params))
    model = mlflow.pyfunc.load_model(registration.model_uri)
    with pytest.raises(MlflowException, match="uint8"):
        model.predict(source_image()[None].astype(np.float64) / 255)
    with pytest.raises(MlflowException, match="shape"):
        model.predict(source_image()[None, ..., :1])
    with pytest.raises(MlflowException, match=r"got \(0, 32, 32, 3\)") as caught:
        model.predict(np.zeros((0, 32, 32, 3), np.uint8))
    assert caught.value.get_http_status_code() == 400


def test_a_grayscale_model_is_served_colours_and_grey(
    uri: str, project: Path, default_params: Params
) -> None:
    write_model(
        project / "models",
        source=dataclasses.replace(PHOTO, channels=1, grayscale=True),
        generator=GeneratorConfig(source_channels=1, base_channels=4, depth=5),
        discriminator=DiscriminatorConfig(in_channels=4, base_channels=4, num_layers=2),
    )
    registration = register(uri, project, complete(uri, project, default_params))
    model = mlflow.pyfunc.load_model(registration.model_uri)
    grey = source_image()[..., :1]
    np.testing.assert_array_equal(
        model.predict(grey.repeat(3, axis=2)[None]), model.predict(grey[None])
    )


@pytest.mark.parametrize("mode", ["published", "deterministic"])
def test_a_loaded_model_answers_twenty_threads_with_the_same_bits(
    mode: str, uri: str, project: Path, default_params: Params
) -> None:
    write_model(project / "models", inference_mode=mode)
    registration = register(uri, project, complete(uri, project, default_params))
    model = mlflow.pyfunc.load_model(registration.model_uri)
    batches = [source_image(30 + place, 40)[None] for place in range(20)]
    expected = [model.predict(batch) for batch in batches]
    with ThreadPoolExecutor(20) as threads:
        assert all(map(np.array_equal, threads.map(model.predict, batches), expected))


def test_a_model_is_loaded_where_pix2pix_is_not_installed(
    uri: str, project: Path, default_params: Params
) -> None:
    registration = register(uri, project, complete(uri, project, default_params))
    script = (
        "import sys\n"
        "sys.meta_path = [f for f in sys.meta_path if 'editable' not in repr(f).lower()]\n"
        "import importlib.util\n"
        "assert importlib.util.find_spec('pix2pix') is None\n"
        "import mlflow, numpy as np\n"
        f"image = np.load({str(project / 'image.npy')!r})\n"
        f"fake = mlflow.pyfunc.load_model({registration.model_uri!r}).predict(image)\n"
        f"np.save({str(project / 'fake.npy')!r}, fake)\n"
    )
    np.save(project / "image.npy", source_image()[None])
    subprocess.run([sys.executable, "-c", script], check=True, cwd=project)
    np.testing.assert_array_equal(
        np.load(project / "fake.npy"),
        Translator.load(project / "models").translate_batch(source_image()[None]),
    )


@pytest.mark.server
@pytest.mark.timeout(300)
def test_a_model_registered_at_a_real_server_is_loaded_from_there(
    uri: str, project: Path, tmp_path: Path, default_params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mlflow"
    arguments = ["server", "--backend-store-uri", uri, "--host", "127.0.0.1"]
    with serving(arguments, cwd=folder, health="/health", uri=uri) as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
        run = complete(server, project, default_params)
        points = metric_points(server, run.run_id)
        registration = register(server, project, run)
        assert complete(server, project, default_params).run_id == run.run_id
        assert register(server, project, run) == registration
        assert metric_points(server, run.run_id) == points
        asked = dataclasses.asdict(registration)
        state = state_sha256(server, asked)
        assert state is not None
        assert state_sha256(server, asked) == state
        MlflowClient(server).set_model_version_tag(NAME, registration.version, "x", "y")
        assert state_sha256(server, asked) not in (None, state)
        served = mlflow.pyfunc.load_model(registration.model_uri).predict(source_image()[None])
    expected = Translator.load(project / "models").translate_batch(source_image()[None])
    np.testing.assert_array_equal(served, expected)
    assert points == metric_points(uri, run.run_id)  # in the server's database


@pytest.mark.server
@pytest.mark.timeout(300)
def test_a_real_model_server_answers_with_the_translators_pixels(
    uri: str, project: Path, default_params: Params
) -> None:
    registration = register(uri, project, complete(uri, project, default_params))
    arguments = ["models", "serve", "--env-manager", "local", "-m", registration.model_uri]
    with serving(arguments, cwd=project, health="/ping", uri=uri) as server:
        images = [source_image(30 + place, 40) for place in range(20)]
        bodies = [body(image) for image in images]
        with ThreadPoolExecutor(20) as threads:
            answers = list(threads.map(partial(ask, server), bodies))
        refused = {name: ask(server, wrong) for name, wrong in WRONG_BODIES.items()}
        again = ask(server, bodies[0])
    translator = Translator.load(project / "models")
    for (status, answer), image in zip(answers, images, strict=True):
        assert status == 200
        served = np.array(answer["predictions"])[0]
        np.testing.assert_array_equal(served, translator.translate(image))
    assert again == answers[0]
    assert {name: status for name, (status, _) in refused.items()} == dict.fromkeys(refused, 400)
