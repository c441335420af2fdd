"""The parts that web pages share: the look, a canvas for drawing, upload, and a comparison.

They are plain scripts and a style sheet, without a framework and without addresses of other
servers. Each script says at its beginning how it is used. A page has a slot for all of them, and
names its own parts as files beside it. `with_parts` puts the content of all in place, so that the
page is a single file.
"""

import re
from importlib.resources import files
from importlib.resources.abc import Traversable

# The scripts, each after those that it needs, and the style sheet.
SCRIPTS = (
    "raster.js",
    "label-colours.js",
    "drawing-board.js",
    "picture-input.js",
    "extra-sources.js",
    "before-after.js",
)
STYLE = "page.css"

_SCRIPTS_SLOT = "{{shared_scripts}}"
_PART = re.compile(
    r'<script src="(?P<script>[\w-]+\.js)"></script>'
    r'|<link rel="stylesheet" href="(?P<style>[\w-]+\.css)">'
)


def with_scripts(page: str, folder: str = "") -> str:
    """Return HTML with an element for each of `SCRIPTS` in the slot {{shared_scripts}}.

    Their addresses begin with `folder`.
    """
    elements = [f'<script src="{folder}{name}"></script>' for name in SCRIPTS]
    return page.replace(_SCRIPTS_SLOT, "\n".join(elements))


def with_parts(page: str, own_parts: Traversable | None = None) -> str:
    """Return HTML in which each script and style sheet is replaced by its content.

    The slot {{shared_scripts}} is filled first, see `with_scripts`. Parts are files of `own_parts`,
    the page's own folder, or of this package. Raises FileNotFoundError for a name that neither has.
    """

    def content(match: re.Match[str]) -> str:
        if name := match["script"]:
            return f"<script>\n{part(name, own_parts)}</script>"
        return f"<style>\n{part(match['style'], own_parts)}</style>"

    return _PART.sub(content, with_scripts(page))


def part(name: str, own_parts: Traversable | None = None) -> str:
    """The content of a script or a style sheet of `own_parts`, or else of this package."""
    own = None if own_parts is None else own_parts.joinpath(name)
    found = own if own is not None and own.is_file() else files(__name__).joinpath(name)
    return found.read_text(encoding="utf-8")
