"""Requests to `mlflow models serve`, right ones and wrong ones.

Fractions for a model of integers are none of the wrong ones: MLflow cuts them off, unseen by the
model.
"""

import json
import urllib.error
import urllib.request
from typing import Any

import numpy as np

WRONG_BODIES = {
    "nothing": b"",
    "no JSON": b"hello",
    "no inputs": b"{}",
    "NaN": b'{"inputs": [[[[NaN, 0, 0]]]]}',
    "null": b'{"inputs": null}',
    "text": b'{"inputs": [[[["a", "b", "c"]]]]}',
    "out of range": b'{"inputs": [[[[256, 0, 0]]]]}',
    "one channel": b'{"inputs": [[[[1]]]]}',
    "ragged": b'{"inputs": [[[[1, 2, 3]], [[1, 2, 3], [1, 2, 3]]]]}',
    "no image": b'{"inputs": []}',
}


def body(image: np.ndarray) -> bytes:
    """A request for one image (H, W, C)."""
    return json.dumps({"inputs": image[None].tolist()}).encode()


def ask(server: str, content: bytes, *, timeout_s: float = 60.0) -> tuple[int, Any]:
    """Status and answer of a model server."""
    request = urllib.request.Request(
        f"{server}/invocations", data=content, headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
