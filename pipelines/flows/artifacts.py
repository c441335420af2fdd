"""What a run shows in Prefect's UI: scores, pictures, and where its result is."""

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

_MAX_WIDTH_PX = 1200
_JPEG_QUALITY = 85


def show_scores(rows: Sequence[Mapping[str, Any]], *, key: str, description: str) -> None:
    """A table with a row per metric; numbers are shortened."""
    create_table_artifact(
        [{name: _short(value) for name, value in row.items()} for row in rows],
        key=key,
        description=description,
    )


def show_picture(path: Path, *, key: str, description: str) -> None:
    """A picture inside its own address, so that it shows wherever the UI is opened."""
    create_image_artifact(picture_url(path), key=key, description=description)


def picture_url(path: Path) -> str:
    """The picture as a JPEG of at most 1200 px in width, as a data URL."""
    with Image.open(path) as picture:
        shown = picture.convert("RGB")
    shown.thumbnail((_MAX_WIDTH_PX, shown.height))
    content = io.BytesIO()
    shown.save(content, "JPEG", quality=_JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"


def show_result(text: str, links: Mapping[str, str]) -> None:
    """Where the result is: a text, and a link for each page of it that has an address."""
    create_markdown_artifact(text, key="result", description="where the result is")
    for name, url in links.items():
        key = name.lower().replace(" ", "-")
        create_link_artifact(url, link_text=name, key=key, description=name)


def mlflow_links(registration: Mapping[str, str]) -> dict[str, str]:
    """Pages of the MLflow run and the model version; none without a server."""
    root = registration["tracking_uri"].rstrip("/")
    if not root.startswith("http"):
        return {}
    run = f"experiments/{registration['experiment_id']}/runs/{registration['run_id']}"
    version = f"models/{registration['model']}/versions/{registration['version']}"
    return {"MLflow run": f"{root}/#/{run}", "Model version": f"{root}/#/{version}"}


def _short(value: Any) -> Any:
    return f"{value:.4g}" if isinstance(value, float) else value
