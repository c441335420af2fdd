"""The HTTP side of a server: addresses, headers and statuses. It knows nothing of Ray."""

import asyncio
import base64
import copy
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field

from pipelines.serving import page
from pipelines.serving.access import Access
from pipelines.serving.messages import (
    FIRST_FIELD,
    Answer,
    BusyError,
    Question,
    Refusal,
    ServedModel,
)
from pipelines.serving.request_schema import request_body
from pipelines.serving.requests import JSON, image_files, wanted_type
from pix2pix.config.validation_text import dotted, first_wrong
from pix2pix.inference import InferenceScale

_HEALTH_S = 10.0
_UNLIKE = "X-Input-Unlike-Training"

_TRANSLATE = """Translate an image.

Send the file in the field `image` of a form, as base64 in JSON, or as the body itself. A model of
several sources also needs a file in a field of the name of each extra source. The header
`Accept` chooses PNG (the default where it can store the result), TIFF, JPEG, NPY or JSON. The
headers of the answer name the model, its version, and the protocol: how the image was translated.
`X-Input-Unlike-Training` says which pixel statistics of the image lie outside the training's.
"""
_FILE = {"type": "string", "format": "binary"}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    HTTPStatus.OK: {"content": {name: {"schema": _FILE} for name in ("image/png", "image/tiff")}},
    **{
        status: {"description": f"{meaning}; `detail` says in a sentence what is wrong."}
        for status, meaning in {
            HTTPStatus.BAD_REQUEST: "The body is no form or JSON with an image",
            HTTPStatus.UNAUTHORIZED: "The token is missing or wrong",
            HTTPStatus.NOT_FOUND: "There is no such model",
            HTTPStatus.NOT_ACCEPTABLE: "The result cannot have the wanted format",
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body or the image is too large",
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The file has an unknown format",
            HTTPStatus.UNPROCESSABLE_ENTITY: "The image is damaged or does not fit the model",
            HTTPStatus.TOO_MANY_REQUESTS: "Too many requests wait",
        }.items()
    },
}


class _ModelQuery(BaseModel):
    """The query of an address that one of the models answers; other names are refused."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = Field(None, description="A reference of `GET /models`.")


class _TranslateQuery(_ModelQuery):
    scale: InferenceScale = Field("training", description="`native` keeps the image's size.")


class _ExampleQuery(_ModelQuery):
    field: str = Field(FIRST_FIELD, description="The field of `POST /translate`.")


@dataclass(frozen=True, slots=True)
class _Served:
    """What the routes answer from."""

    models: Mapping[str, ServedModel]
    max_body_bytes: int
    metrics: Callable[[], Awaitable[str]]

    def model(self, name: str | None) -> ServedModel:
        """The model of that reference, or the first. Raises HTTPException if there is none."""
        reference = next(iter(self.models)) if name is None else name.removeprefix("models:/")
        if reference not in self.models:
            raise HTTPException(
                HTTPStatus.NOT_FOUND,
                f"there is no model {reference!r} here; there are {', '.join(self.models)}",
            )
        return self.models[reference]


def make_app(
    models: Mapping[str, ServedModel],
    *,
    access: Access,
    max_body_bytes: int,
    metrics: Callable[[], Awaitable[str]],
) -> FastAPI:
    """The application over models by reference, the first of which is the default.

    `metrics` returns the text of `GET /metrics`.
    """
    app = FastAPI(title="pix2pix", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.served = _Served(models, max_body_bytes, metrics)
    app.include_router(page.router)
    app.include_router(_protected, dependencies=[Depends(access)])
    app.include_router(_public)
    app.add_exception_handler(RequestValidationError, _wrong_parameter)
    app.add_exception_handler(BusyError, _busy)
    return app


_protected, _public = APIRouter(), APIRouter()


def _served(request: Request) -> _Served:
    served: _Served = request.app.state.served
    return served


_FromApp = Annotated[_Served, Depends(_served)]


@_protected.post(
    "/translate", description=_TRANSLATE, response_class=Response, responses=_RESPONSES
)
async def translate(
    request: Request, served: _FromApp, query: Annotated[_TranslateQuery, Query()]
) -> Response:
    """Translate an image, see `_TRANSLATE`."""
    model = served.model(query.model)
    media_type = wanted_type(request.headers.get("accept", "*/*"))
    files = await image_files(request, max_bytes=served.max_body_bytes)
    stored_type = None if media_type == JSON else media_type
    answer = await model.answer(Question(files, stored_type, query.scale))
    if isinstance(answer, Refusal):
        raise HTTPException(answer.status, answer.reason)
    return _as_json(answer) if media_type == JSON else _as_file(answer)


@_protected.get("/models")
async def describe_models(served: _FromApp) -> list[dict[str, Any]]:
    """The models, their versions, what images they take, and their scores."""
    descriptions = await asyncio.gather(*(model.describe() for model in served.models.values()))
    return [
        {"model": reference, **description}
        for reference, description in zip(served.models, descriptions, strict=True)
    ]


@_protected.get("/examples/{number}", response_class=Response)
async def example(
    number: int, served: _FromApp, query: Annotated[_ExampleQuery, Query()]
) -> Response:
    """An example source of the model's dev split."""
    content = await served.model(query.model).example(number, query.field)
    if content is None:
        raise HTTPException(
            HTTPStatus.NOT_FOUND, f"the model has no example {number} for {query.field!r}"
        )
    kind = "image/png" if content.startswith(b"\x89PNG") else "image/tiff"
    return Response(content, media_type=kind)


@_public.get("/healthz")
async def health(served: _FromApp) -> dict[str, str]:
    """Whether each model answers or is busy; 503 if one does not within ten seconds."""
    try:
        await asyncio.wait_for(asyncio.gather(*map(_is_alive, served.models.values())), _HEALTH_S)
    except TimeoutError:
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "a model does not answer") from None
    return {"status": "ok"}


@_protected.get("/metrics", response_class=PlainTextResponse)
async def prometheus(served: _FromApp) -> str:
    """Counts and durations in the format of Prometheus."""
    return await served.metrics()


@_protected.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request, served: _FromApp) -> dict[str, Any]:
    """All of it as OpenAPI, with the fields of the models as they are now."""
    described = copy.deepcopy(request.app.openapi())
    body = request_body(await describe_models(served))
    described["paths"]["/translate"]["post"]["requestBody"] = body
    return dict(described)


async def _is_alive(model: ServedModel) -> None:
    """Return if the model answers, or says that too many requests wait for it."""
    with suppress(BusyError):
        await model.describe()


def _as_file(answer: Answer) -> Response:
    headers = {
        "X-Model-Name": quote(answer.model),  # headers are ASCII, names need not be
        "X-Model-Version": answer.version,
        "X-Model-Protocol": answer.protocol,
    }
    if answer.unlike_training:
        headers[_UNLIKE] = "; ".join(answer.unlike_training)
    return Response(answer.content, media_type=answer.media_type, headers=headers)


def _as_json(answer: Answer) -> Response:
    content = {
        "image": base64.b64encode(answer.content).decode(),
        "media_type": answer.media_type,
        "model": answer.model,
        "version": answer.version,
        "protocol": answer.protocol,
        "unlike_training": answer.unlike_training,
    }
    return JSONResponse(content)


def _wrong_parameter(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = error.errors()
    # The first part of a place is the part of the request, such as "query".
    reason = first_wrong(problems, named=lambda place: dotted(place[1:]))
    if any(problem["type"] == "extra_forbidden" for problem in problems):
        reason += "; GET /openapi.json lists the parameters of each address"
    return JSONResponse({"detail": reason}, HTTPStatus.UNPROCESSABLE_ENTITY)


def _busy(_request: Request, _error: Exception) -> Response:
    return JSONResponse(
        {"detail": "too many requests wait already; try again in a second"},
        HTTPStatus.TOO_MANY_REQUESTS,
        headers={"Retry-After": "1"},
    )
