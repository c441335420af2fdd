"""The parts that web pages share: the look, a canvas for drawing, upload, and a comparison.

They are plain scripts and a style sheet, without a framework and without addresses of other
servers. Each script says at its beginning how it is used. A page names the parts as files beside
it, and `with_parts` puts their content in place, so that the page is a single file.
"""

import re
from importlib.resources import files

_PART = re.compile(
    r'<script src="(?P<script>[\w-]+\.js)"></script>'
    r'|<link rel="stylesheet" href="(?P<style>[\w-]+\.css)">'
)


def with_parts(page: str) -> str:
    """Return HTML in which each script and style sheet that is a part is replaced by its content.

    Raises FileNotFoundError if the page names a part that does not exist.
    """
    return _PART.sub(_content, page)


def part(name: str) -> str:
    """The content of a part, such as "page.css"."""
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


def _content(match: re.Match[str]) -> str:
    if name := match["script"]:
        return f"<script>\n{part(name)}</script>"
    return f"<style>\n{part(match['style'])}</style>"
