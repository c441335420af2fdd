import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.services.prefect_toml import remove_prefect_toml, write_prefect_toml

URL = "http://127.0.0.1:4321/api"


@pytest.mark.slow
def test_prefect_finds_the_server_in_the_current_folder(tmp_path: Path) -> None:
    assert write_prefect_toml(tmp_path, URL)
    code = "from prefect.settings import get_current_settings as s; print(s().api.url)"
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=clean | {"PREFECT_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == URL


def test_one_that_we_wrote_is_replaced_and_removed(tmp_path: Path) -> None:
    write_prefect_toml(tmp_path, "http://127.0.0.1:1/api")
    assert write_prefect_toml(tmp_path, URL)
    assert URL in (tmp_path / "prefect.toml").read_text()
    remove_prefect_toml(tmp_path)
    assert not (tmp_path / "prefect.toml").exists()
    remove_prefect_toml(tmp_path)


def test_one_of_the_user_s_is_left(tmp_path: Path) -> None:
    path = tmp_path / "prefect.toml"
    write_prefect_toml(tmp_path, URL)
    text = path.read_text() + "debug_mode = true\n"
    path.write_text(text)
    assert not write_prefect_toml(tmp_path, "http://127.0.0.1:1/api")
    remove_prefect_toml(tmp_path)
    assert path.read_text() == text
