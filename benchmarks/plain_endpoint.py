"""A FastAPI endpoint without anything around it: what `benchmarks.serving` compares with.

MODEL_DIR=models uvicorn benchmarks.plain_endpoint:app
"""

import os
from pathlib import Path

from fastapi import FastAPI, Response, UploadFile

from pix2pix.images.decode import decode
from pix2pix.images.encode import encode
from pix2pix.inference import Translator

app = FastAPI()
translator = Translator.load(Path(os.environ["MODEL_DIR"]))


@app.post("/translate")
def translate(image: UploadFile) -> Response:
    """Translate the file in the field `image`; FastAPI runs this in one of its threads."""
    result = translator.translate(decode(image.file.read()))
    return Response(encode(result), media_type="image/png")


@app.get("/healthz")
def health() -> str:
    """Whether the endpoint has started."""
    return "ok"
