"""A service that ends while it starts is for the person at the console, not a defect of ours."""

from pathlib import Path

import pytest

from pipelines.services.health import wait_until_healthy
from pix2pix.errors import UserError


def test_a_service_that_ended_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"mlflow-server ended while it started; .*ends with"):
        wait_until_healthy(tmp_path, {"mlflow-server": lambda: False})
