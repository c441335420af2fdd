"""The page of a server, and the scripts and styles that it is made of."""

from http import HTTPStatus
from importlib.resources import files

from fastapi import APIRouter, HTTPException, Response

from pix2pix.web_page import SCRIPTS, STYLE, part, with_scripts

router = APIRouter(include_in_schema=False)

_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
_HEADERS = {
    # Nothing of another server is loaded, and nothing is sent to one.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_OWN = ("serve.css", "serve.js", "server.js", "history.js", "npy.js", "drawing-values.js")


@router.get("/")
def page() -> Response:
    """The page."""
    return _answer("page.html", with_scripts(_own("page.html"), "page/"))


@router.get("/page/{name}")
def file(name: str) -> Response:
    """A script or a style sheet of the page."""
    if name in (STYLE, *SCRIPTS):
        return _answer(name, part(name))
    if name in _OWN:
        return _answer(name, _own(name))
    raise HTTPException(HTTPStatus.NOT_FOUND, f"the page has no file {name!r}")


def _own(name: str) -> str:
    return files("pipelines.serving").joinpath("page_files", name).read_text(encoding="utf-8")


def _answer(name: str, content: str) -> Response:
    kind = _TYPES[name.rpartition(".")[2]]
    return Response(content, media_type=f"{kind}; charset=utf-8", headers=_HEADERS)
