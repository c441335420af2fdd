"""Requests to the HTTP side over models in this process."""

import asyncio
import hashlib
import io
from typing import Any

import httpx
import numpy as np
import tifffile
from fastapi import FastAPI
from PIL import Image

from pipelines.serving.access import Access
from pipelines.serving.http_app import make_app
from tests.support.served_models import NAME

MAX_BYTES = 2**20


async def no_metrics() -> str:
    return "pix2pix_answers 1\n"


def app_of(*models: Any, token: str | None = None) -> FastAPI:
    digest = None if token is None else hashlib.sha256(token.encode()).digest()
    named = {NAME if place == 0 else f"other/{place}": each for place, each in enumerate(models)}
    return make_app(named, access=Access(digest), max_body_bytes=MAX_BYTES, metrics=no_metrics)


def ask(
    app: FastAPI, method: str, path: str, *, host: str = "localhost", peer: str = "::1", **body: Any
) -> httpx.Response:
    async def request() -> httpx.Response:
        transport = httpx.ASGITransport(app, client=(peer, 1), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
            return await client.request(method, path, **body)

    return asyncio.run(request())


def post(app: FastAPI, file: bytes, **options: Any) -> httpx.Response:
    """A file in a form."""
    return ask(app, "POST", "/translate", files={"image": ("x", file)}, **options)


def jpeg(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG")
    return file.getvalue()


def tiff(array: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, array, **options)
    return file.getvalue()
