"""A program that ends while it starts is for the person at the console, not a defect of ours."""

from pathlib import Path

import pytest

from pipelines.services.health import wait_until_healthy
from pipelines.services.layout import log_path, make_folders
from pix2pix.errors import UserError


def test_a_program_that_has_ended_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    make_folders(tmp_path)
    lines = [f"line {number}" for number in range(100)]
    lines[-1] = "cannot reach postgresql://me:hidden@db/mlflow"
    log_path(tmp_path, "mlflow-server").write_text("\n".join(lines))
    with pytest.raises(UserError, match=r"mlflow-server ended while it started; ") as ended:
        wait_until_healthy(tmp_path, {"mlflow-server": lambda: False})
    end_of_log = [line.strip() for line in str(ended.value).splitlines()[1:]]
    assert end_of_log == [*lines[-15:-1], "cannot reach postgresql://me:***@db/mlflow"]
