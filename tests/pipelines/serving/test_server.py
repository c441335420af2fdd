"""`pix2pix serve` as a process with Ray Serve, over versions in MLflow."""

import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
import ray
from mlflow import MlflowClient

import pipelines.serving.server
from pipelines.cli import app
from pipelines.processes.tree import is_alive
from pipelines.registry.mlflow_state import CONTENT_TAG
from pipelines.registry.package import PACKAGED_MODEL
from pipelines.serving.options import ServeOptions
from pipelines.serving.server import running
from pix2pix.config import Params
from pix2pix.errors import UserError
from pix2pix.images.decode import decode
from tests.support.mlflow_process import closed_port
from tests.support.serve_process import (
    CHAMPION,
    NAME,
    Registry,
    ServeProcess,
    new_registry,
    serving,
)
from tests.support.served_models import SIZE, label_maps, write_labels_model

pytestmark = [pytest.mark.server]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, default_params: Params) -> Registry:
    return new_registry(tmp_path_factory.mktemp("registry"), default_params)


@pytest.fixture(scope="module")
def served(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    folder = tmp_path_factory.mktemp("served")
    limits = ("--max-batch-size", "4", "--max-queued", "12", "--max-megapixels", "4")
    with serving(registry, folder, *limits) as served:
        yield served


def test_many_images_of_unlike_sizes_at_once_are_translated_as_alone(served: ServeProcess) -> None:
    random = np.random.default_rng(0)
    sizes = [(SIZE, SIZE), (40, 70), (SIZE, SIZE)] * 4
    images = [random.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    with ThreadPoolExecutor(len(images)) as threads:
        answers = list(threads.map(served.translate, images))
    assert [answer.status_code for answer in answers] == [200] * len(images)
    assert all(map(served.is_right, images, answers))


def test_the_models_and_examples_are_those_of_the_registry(served: ServeProcess) -> None:
    (described,) = httpx.get(f"{served.url}/models").json()
    assert (described["model"], described["version"]) == (f"{NAME}@champion", "1")
    assert described["scores"] == {"dev/l1": 0.1, "test/l1": 0.1, "test/l1_low": 0.09,
                                   "test/num_images": 4.0, "test/psnr_db": 10.5}  # fmt: skip
    example = httpx.get(f"{served.url}/examples/1").content
    np.testing.assert_array_equal(decode(example), label_maps(30, 2)[1])
    assert httpx.get(f"{served.url}/examples/2").status_code == 404


def test_an_over_long_body_is_refused_and_the_server_goes_on(served: ServeProcess) -> None:
    body = {"files": {"image": b"x" * (65 * 2**20)}}
    assert httpx.post(f"{served.url}/translate", **body, timeout=60).status_code == 413
    assert served.translate(label_maps(50, 1)[0]).status_code == 200


def test_past_the_bound_requests_are_429_and_all_others_are_answered(served: ServeProcess) -> None:
    images = [np.full((1000, 1000, 3), value, np.uint8) for value in range(60)]
    with ThreadPoolExecutor(len(images)) as threads:
        answers = list(threads.map(served.translate, images))
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 429}
    for image, answer in zip(images, answers, strict=True):
        if answer.status_code == 200:
            assert served.is_right(image, answer)
        else:
            assert answer.headers["retry-after"] == "1"


def test_a_killed_replica_and_a_new_champion_lose_no_request(served: ServeProcess) -> None:
    (image,) = label_maps(50, 1)
    is_over = threading.Event()

    def ask() -> list[httpx.Response]:
        answers = []
        while not is_over.is_set():
            answers.append(served.translate(image))
        return answers

    with ThreadPoolExecutor(4) as threads:
        asking = [threads.submit(ask) for _ in range(4)]
        try:
            (replica,) = served.replicas()
            replica.kill()
            replica.wait(30)
            # The next answer comes from the replica that Serve starts in its place.
            assert served.translate(image).headers["x-model-version"] == "1"
            served.registry.promote("2")
            while served.translate(image).headers["x-model-version"] == "1":
                time.sleep(0.1)
        finally:
            is_over.set()
            served.registry.promote("1")
        answers = [answer for each in asking for answer in each.result()]
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.headers["x-model-version"] for answer in answers} == {"1", "2"}
    assert all(served.is_right(image, answer) for answer in answers)


def test_metrics_count_answers_by_version_and_status(served: ServeProcess) -> None:
    assert served.translate(label_maps(50, 1)[0]).status_code == 200
    httpx.post(f"{served.url}/translate", files={"image": b"no picture"})
    lines: list[str] = []

    def counted(*labels: str) -> bool:
        wanted = ("pix2pix_answers", 'model="pix2pix-drawn"', *labels)
        return any(all(each in line for each in wanted) for line in lines)

    while not (counted('status="200"', 'version="1"') and counted('status="415"')):
        time.sleep(0.5)  # Ray passes counts on every few seconds
        lines = httpx.get(f"{served.url}/metrics").text.splitlines()
    assert any("serve_num_http_requests" in line for line in lines)


def test_what_cannot_be_served_is_refused_before_anything_starts(
    registry: Registry, served: ServeProcess
) -> None:
    taken = int(served.url.rpartition(":")[2])
    for model, host, port, message in (
        ("nobody", "127.0.0.1", 1, "has no version of a registered model 'nobody'"),
        (CHAMPION, "0.0.0.0", 1, "set PIX2PIX_SERVE_TOKEN"),
        (CHAMPION, "::", 1, "set PIX2PIX_SERVE_TOKEN"),
        (CHAMPION, "127.0.0.1", taken, "name another port"),
    ):
        options = ServeOptions(models=(model,))
        with (
            pytest.raises(UserError, match=message),
            running(options, uri=registry.uri, host=host, port=port),
        ):
            pass
    assert not ray.is_initialized()


@pytest.mark.parametrize("token", ["sesame\n", " sesame", "sésame"])
def test_a_token_that_no_client_can_send_is_refused_and_not_told(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("PIX2PIX_SERVE_TOKEN", token)
    server = running(
        ServeOptions(models=(CHAMPION,)), uri=registry.uri, host="127.0.0.1", port=closed_port()
    )
    with pytest.raises(UserError, match="PIX2PIX_SERVE_TOKEN has spaces") as refused, server:
        pass
    assert "same" not in str(refused.value)


def test_a_model_that_no_replica_can_use_ends_the_start_with_one_sentence(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    write_labels_model(tmp_path / "other" / PACKAGED_MODEL)
    client = MlflowClient(registry.uri)
    client.create_registered_model("other")
    tags = {CONTENT_TAG: "0" * 64}  # of other files
    client.create_model_version("other", (tmp_path / "other").as_uri(), tags=tags)
    server = running(
        ServeOptions(models=("other",)), uri=registry.uri, host="127.0.0.1", port=closed_port()
    )
    reason, said = pipelines.serving.server._reason, []

    def heard(message: str) -> str | None:
        said.append(message)
        return reason(message)

    monkeypatch.setattr(pipelines.serving.server, "_reason", heard)
    message = "^the server cannot start: other version 1: its files in MLflow are not"
    with pytest.raises(UserError, match=message) as refused, server:
        pass
    assert "\n" not in str(refused.value)
    # It is tried once: another try would fail, too.
    assert any("failed to start 1 times" in each for each in said), said
    assert not ray.is_initialized()


@pytest.mark.parametrize(("num", "end"), [(1, ""), (2, ", or --min-replicas lower")])
def test_more_gpus_than_ray_has_are_refused_with_the_share_that_there_is_room_for(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, num: int, end: str
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 9.0, "GPU": 3.0})
    options = ServeOptions(
        models=(CHAMPION,), gpus_per_replica=1000, min_replicas=num, max_replicas=num
    )
    server = running(options, uri=registry.uri, host="127.0.0.1", port=closed_port())
    with pytest.raises(UserError) as refused, server:
        pass
    replicas = f"{num} replica{'s' if num > 1 else ''} of 1000 GPUs each"
    assert str(refused.value) == (
        f"{replicas} cannot be placed on the 3 GPUs of Ray; "
        f"set --gpus-per-replica to {3 / num:g} or less{end}"
    )
    assert not ray.is_initialized()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (("--min-replicas", "3", "--max-replicas", "2"), "max_replicas is 2"),
        ((f"models:/{NAME}@champion",), "names one twice"),
        (("--cpus-per-replica", "0"), "--cpus-per-replica: Input should be greater than 0"),
        (("--max-replicas", "0"), "--max-replicas: Input should be greater than or equal to 1"),
        (("--max-body-mib", "inf"), "--max-body-mib: Input should be a finite number"),
        (("--look-s", "inf"), "--look-s: Input should be a finite number"),
    ],
)
def test_options_that_are_out_of_range_or_contradict_each_other_are_wrong_options(
    wrong: tuple[str, ...], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        app(["serve", CHAMPION, *wrong])
    assert ended.value.code == 2
    assert message in capfd.readouterr().err


def test_with_a_token_it_serves_another_address_and_ends_completely_without_a_word_of_ray(
    registry: Registry, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = {"PIX2PIX_SERVE_TOKEN": "sesame"}
    with serving(registry, tmp_path, "--host", "0.0.0.0", **secret) as served:
        models = f"{served.url}/models"
        assert httpx.get(models).status_code == 401
        assert httpx.get(models, headers={"Authorization": "Bearer sesame"}).status_code == 200
        started = served.started()
        assert not any("sesame" in " ".join(each.cmdline()) for each in started)
    assert served.process.returncode == 128 + signal.SIGTERM
    assert not any(map(is_alive, started))
    said = capfd.readouterr()
    assert "the server has ended" in said.err
    assert "(raylet)" not in said.out + said.err
