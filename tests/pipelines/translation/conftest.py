"""A folder with a registered model, and films in short parts."""

import pytest

from pipelines.translation import film_parts
from tests.support.registered_workspace import datasets, model, uri, workspace

__all__ = ["datasets", "model", "uri", "workspace"]  # fixtures


@pytest.fixture
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Films are translated in parts and batches of few frames."""
    monkeypatch.setattr(film_parts, "PART_FRAMES", 4)
    monkeypatch.setattr(film_parts, "BATCH_FRAMES", 3)
