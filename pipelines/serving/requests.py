"""Read a request: the image files in its body, and in which form the answer is wanted."""

import base64
import binascii
import json
from collections.abc import AsyncGenerator
from http import HTTPStatus
from typing import Literal, get_args

from fastapi import HTTPException, Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from pipelines.serving.messages import FIRST_FIELD
from pix2pix.images.encode import MediaType

JSON: Literal["application/json"] = "application/json"

_MEDIA_TYPES: tuple[MediaType, ...] = get_args(MediaType)
_BINARY = "application/octet-stream"
_IN_ADDRESS = ("scale", "model")
_MAX_FILES = 65  # the first source, and as many extra ones as a card can have


async def image_files(request: Request, *, max_bytes: int) -> dict[str, bytes]:
    """The image files in a body by their fields: a form, JSON with base64, or one file as it is.

    Raises HTTPException if the body is too long, of another type, or has no field `image`.
    """
    body = await _body(request, max_bytes=max_bytes)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _from_form(request, body)
    if kind == JSON:
        return _from_json(body)
    if kind.startswith("image/") or kind in (*_MEDIA_TYPES, _BINARY):
        return {FIRST_FIELD: body}
    raise HTTPException(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        f"the Content-Type is {kind or 'missing'}; send multipart/form-data with a field "
        f"`{FIRST_FIELD}`, {JSON}, or the file itself as image/... or application/x-npy",
    )


async def _body(request: Request, *, max_bytes: int) -> bytes:
    """Read a body, and stop as soon as it is too long."""
    too_long = HTTPException(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the body is longer than the accepted {max_bytes} bytes",
    )
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > max_bytes:
        raise too_long
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise too_long
    return bytes(body)


async def _from_form(request: Request, body: bytes) -> dict[str, bytes]:
    """The files of a form; its texts are ignored, but for those that belong into the address."""

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        form = await MultiPartParser(
            request.headers, stream(), max_files=_MAX_FILES, max_fields=8
        ).parse()
    except (MultiPartException, KeyError) as error:  # KeyError: no boundary
        reason = getattr(error, "message", "it states no boundary")
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"the form cannot be read: {reason}") from None
    try:
        files: dict[str, bytes] = {}
        for field, value in form.multi_items():
            if field in files:
                raise HTTPException(
                    HTTPStatus.BAD_REQUEST, f"the form has two files in the field `{field}`"
                )
            if isinstance(value, UploadFile):
                files[field] = await value.read()
            elif field in _IN_ADDRESS:
                raise _belongs_into_address(field)
    finally:
        await form.close()
    if FIRST_FIELD not in files:
        raise HTTPException(
            HTTPStatus.BAD_REQUEST, f"the form has no file in a field `{FIRST_FIELD}`"
        )
    return files


def _from_json(body: bytes) -> dict[str, bytes]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "the body is no JSON") from None
    if not isinstance(content, dict) or FIRST_FIELD not in content:
        raise HTTPException(
            HTTPStatus.BAD_REQUEST,
            f'the JSON has no image; send {{"{FIRST_FIELD}": "<base64 of a file>"}}',
        )
    return {str(field): _from_base64(str(field), text) for field, text in content.items()}


def _from_base64(field: str, text: object) -> bytes:
    try:
        if isinstance(text, str):
            return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        pass
    if field in _IN_ADDRESS:
        raise _belongs_into_address(field)
    raise HTTPException(
        HTTPStatus.BAD_REQUEST,
        f"`{field}` is no base64; send that of the file in one line and with nothing before it, as "
        "`base64 -w0 FILE` prints it",
    )


def _belongs_into_address(field: str) -> HTTPException:
    """The error for a setting in a body, where nobody would notice that it does nothing."""
    return HTTPException(
        HTTPStatus.BAD_REQUEST, f"`{field}` belongs into the address: /translate?{field}=..."
    )


def wanted_type(accept: str) -> MediaType | Literal["application/json"] | None:
    """The media type of the answer that the header `Accept` prefers; None if it does not matter.

    Raises HTTPException if it allows none that there is.
    """
    for name in _by_preference(accept):
        if name in ("*/*", "image/*", ""):
            return None
        if name == JSON:
            return JSON
        for known in _MEDIA_TYPES:
            if name == known:
                return known
    raise HTTPException(
        HTTPStatus.NOT_ACCEPTABLE,
        f"the answer can be {', '.join(_MEDIA_TYPES)} or {JSON}, and `Accept` allows none of them",
    )


def _by_preference(accept: str) -> list[str]:
    """The media types of a header `Accept`, the most wanted first, those with q=0 left out."""
    weighted = []
    for part in accept.split(","):
        name, *parameters = (each.strip().lower() for each in part.split(";"))
        quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
        try:
            weighted.append((float(quality), name))
        except ValueError:
            weighted.append((1.0, name))
    return [name for quality, name in sorted(weighted, key=lambda each: -each[0]) if quality > 0]
