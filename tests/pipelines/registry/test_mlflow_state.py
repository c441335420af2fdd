"""What a server says of a version, asked without MLflow. (Databases: test_receipt.py.)"""

import copy
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pipelines.registry.mlflow_state import LOGGED_TAG, state_sha256

ASKED = {"model": "a b", "version": "3", "run_id": "r1"}
API = "/api/2.0/mlflow/"
ANSWERS: dict[str, Any] = {
    "runs/get?run_id=r1": {
        "run": {
            "info": {"run_id": "r1", "experiment_id": "7", "lifecycle_stage": "active"},
            "data": {"metrics": [{"key": "test/l1", "value": 0.1}]},
        }
    },
    "experiments/get?experiment_id=7": {"experiment": {"lifecycle_stage": "active"}},
    "model-versions/get?name=a+b&version=3": {
        "model_version": {"version": "3", "tags": [{"key": LOGGED_TAG, "value": "m-1"}]}
    },
    "logged-models/m-1": {"model": {"info": {"status": "LOGGED_MODEL_READY"}}},
    "logged-models/m-1/artifacts/directories": {
        "files": [{"path": "MLmodel", "is_dir": False, "file_size": 5}]
    },
    "artifacts/list?run_id=r1": {"files": [{"path": "images", "is_dir": True}]},
    "artifacts/list?run_id=r1&path=images": {
        "files": [{"path": "images/x.png", "is_dir": False, "file_size": 9}]
    },
}


class _Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = copy.deepcopy(ANSWERS)
        self.status = 200

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        asked = self.path.removeprefix(API)
        body = json.dumps(self.server.answers.get(asked)).encode()
        self.send_response(self.server.status if asked in self.server.answers else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server() as made:
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        yield made
        made.shutdown()


def test_the_same_answers_are_the_same_state(server: _Server) -> None:
    first = state_sha256(server.uri, ASKED)
    assert first is not None
    assert state_sha256(f"{server.uri}/", ASKED) == first


@pytest.mark.parametrize("changed", ANSWERS)
def test_each_answer_counts_and_none_may_be_missing(changed: str, server: _Server) -> None:
    before = state_sha256(server.uri, ASKED)
    text = json.dumps(server.answers[changed])
    for old, new in {"0.1": "0.2", "active": "deleted", '"3"': '"4"', "READY": "FAILED"}.items():
        text = text.replace(old, new)
    text = text.replace("_size", "_size_of_another").replace("images", "pictures")
    assert json.loads(text) != ANSWERS[changed]
    server.answers[changed] = json.loads(text)
    assert state_sha256(server.uri, ASKED) != before
    del server.answers[changed]
    assert state_sha256(server.uri, ASKED) is None


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
def test_a_server_that_refuses_says_nothing(status: int, server: _Server) -> None:
    server.status = status
    assert state_sha256(server.uri, ASKED) is None


@pytest.mark.parametrize("answer", [None, [], {"run": {}}, "run"])
def test_another_program_s_answers_say_nothing(answer: object, server: _Server) -> None:
    server.answers["runs/get?run_id=r1"] = answer
    assert state_sha256(server.uri, ASKED) is None


def test_a_list_that_goes_on_is_not_taken_for_the_whole(server: _Server) -> None:
    server.answers["artifacts/list?run_id=r1"]["next_page_token"] = "x"
    assert state_sha256(server.uri, ASKED) is None
