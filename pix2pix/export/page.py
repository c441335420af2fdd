"""A single HTML file that shows a model and translates pictures in the browser, without a server.

onnxruntime-web and the model are inside the file, compressed. The page's own policy forbids the
browser to open any connection.
"""

import base64
import gzip
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any, NamedTuple

from pix2pix.web_page import with_parts

_WEB = files("pix2pix.export").joinpath("web")
_SLOT = re.compile(r"\{\{(\w+)\}\}")


class Runtime(NamedTuple):
    """onnxruntime-web: the module `ort.wasm.bundle.min.mjs` and its WebAssembly program."""

    script: bytes
    wasm: bytes


class Table(NamedTuple):
    """A table; the first row holds the headings, and the columns after the first are numbers
    if `has_numbers`.
    """

    rows: Sequence[Sequence[str]]
    has_numbers: bool = False


class Picture(NamedTuple):
    """A PNG file and what it shows, in words."""

    png: bytes
    caption: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A part of the page under a heading. What is folded appears when the reader asks for it."""

    title: str
    text: str = ""
    parts: Sequence[Table | Picture] = ()
    is_folded: bool = False


class Example(NamedTuple):
    """A PNG file for each source of the model by name, the first source first."""

    caption: str
    pngs: Mapping[str, bytes]


class Workbench(NamedTuple):
    """What translating in the browser needs.

    `facts` is what the scripts read, see `workbench_facts`; `model` is an ONNX file; `note` says
    what the model expects.
    """

    facts: Mapping[str, Any]
    model: bytes
    runtime: Runtime
    examples: Sequence[Example]
    note: str


def page(
    title: str, summary: str, sections: Sequence[Section], *, workbench: Workbench | str
) -> str:
    """Return the HTML. A `workbench` that is a text says why there is none."""
    return _filled(
        "page.html",
        title=escape(title),
        summary=escape(summary),
        workbench=_workbench(workbench),
        sections="\n".join(map(_section, sections)),
    )


def _filled(template: str, **slots: str) -> str:
    text = with_parts(_WEB.joinpath(template).read_text(encoding="utf-8"), _WEB)
    return _SLOT.sub(lambda match: slots[match[1]], text)


def _workbench(workbench: Workbench | str) -> str:
    if isinstance(workbench, str):
        return f"<p>{escape(workbench)}</p>"
    return _filled(
        "workbench.html",
        note=escape(workbench.note),
        examples=_examples(workbench.examples),
        facts=json.dumps(workbench.facts).replace("<", "\\u003c"),  # no end of the script element
        runtime_script=_packed(workbench.runtime.script),
        runtime_wasm=_packed(workbench.runtime.wasm),
        model=_packed(workbench.model),
    )


def _packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, compresslevel=6, mtime=0)).decode()


def _examples(examples: Sequence[Example]) -> str:
    if not examples:
        return ""
    buttons = "\n".join(map(_example, examples))
    return f'<h3>Examples</h3>\n<div class="examples">\n{buttons}\n</div>'


def _example(example: Example) -> str:
    images = "".join(
        f'<img data-source="{escape(name)}" src="{_address(png)}" alt="">'
        for name, png in example.pngs.items()
    )
    return f'<button type="button" aria-label="{escape(example.caption)}">{images}</button>'


def _section(section: Section) -> str:
    text = f"<p>{escape(section.text)}</p>\n" if section.text else ""
    content = f'{text}<div class="columns">\n{"".join(map(_part, section.parts))}</div>'
    if section.is_folded:
        return f"<details>\n<summary>{escape(section.title)}</summary>\n{content}\n</details>"
    return f"<section>\n<h2>{escape(section.title)}</h2>\n{content}\n</section>"


def _part(part: Table | Picture) -> str:
    if isinstance(part, Table):
        return _table(part)
    return f"\n<figure>{_img(part)}<figcaption>{escape(part.caption)}</figcaption></figure>"


def _table(table: Table) -> str:
    head, *body = table.rows
    number = ' class="number"' if table.has_numbers else ""
    heads = "".join(
        f'<th scope="col"{number if index else ""}>{escape(cell)}</th>'
        for index, cell in enumerate(head)
    )
    cell_text = _interval if table.has_numbers else escape
    lines = "\n".join(
        f'<tr><th scope="row">{_name(first)}</th>'
        + "".join(f"<td{number}>{cell_text(cell)}</td>" for cell in rest)
        + "</tr>"
        for first, *rest in body
    )
    return (
        '<div class="table-frame"><table>\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{lines}\n</tbody>\n</table></div>"
    )


def _name(text: str) -> str:
    """The name of a row, which may be broken behind a dot or an underscore alone."""
    return re.sub(r"([._])(?=\w)", r"\1<wbr>", escape(text))


def _interval(text: str) -> str:
    """A number and its interval, which is not broken."""
    return escape(text).replace(" to ", "&nbsp;to&nbsp;")


def _img(picture: Picture) -> str:
    return f'<img src="{_address(picture.png)}" alt="{escape(picture.caption)}">'


def _address(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
