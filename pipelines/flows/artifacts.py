"""Artifacts of a flow run in Prefect's UI: scores, pictures, and links to its result."""

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from prefect.artifacts import (
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_table_artifact,
)

from pipelines.processes.http_address import is_http

_MAX_WIDTH_PX = 1200
_JPEG_QUALITY = 85


def show_scores(rows: Sequence[Mapping[str, Any]], *, key: str, description: str) -> None:
    """Create a table artifact with one row per metric; numbers are rounded."""
    create_table_artifact(
        [{name: _short(value) for name, value in row.items()} for row in rows],
        key=key,
        description=description,
    )


def show_picture(path: Path, *, key: str, description: str) -> None:
    """Create an image artifact whose URL contains the picture, so that no file server is needed."""
    create_image_artifact(picture_url(path), key=key, description=description)


def picture_url(path: Path) -> str:
    """The picture as a data URL of a JPEG that is at most 1200 px wide."""
    with Image.open(path) as original:
        picture = original.convert("RGB")
    picture.thumbnail((_MAX_WIDTH_PX, picture.height))
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=_JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"


def show_result(text: str, links: Mapping[str, str]) -> None:
    """Create an artifact with a Markdown text about the result, and one for each link."""
    create_markdown_artifact(text, key="result", description="where the result is")
    for name, url in links.items():
        key = name.lower().replace(" ", "-")
        create_link_artifact(url, link_text=name, key=key, description=name)


def mlflow_links(registration: Mapping[str, Any]) -> dict[str, str]:
    """The pages of the MLflow run and the model version; empty if MLflow has no server."""
    root = registration["tracking_uri"].rstrip("/")
    if not is_http(root):
        return {}
    run = f"experiments/{registration['experiment_id']}/runs/{registration['run_id']}"
    version = f"models/{registration['model']}/versions/{registration['version']}"
    return {"MLflow run": f"{root}/#/{run}", "Model version": f"{root}/#/{version}"}


def _short(value: Any) -> Any:
    return f"{value:.4g}" if isinstance(value, float) else value
