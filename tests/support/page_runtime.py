"""onnxruntime-web for tests of pages."""

import shutil
import subprocess
from pathlib import Path

import pytest

from pipelines.page_runtime import runtime
from pix2pix.errors import UserError
from pix2pix.export.page import Runtime

ROOT = Path(__file__).parents[2]


def installed_runtime() -> Runtime:
    """The files; `make web` installs them where they are missing."""
    try:
        return runtime()
    except UserError:
        if shutil.which("npm") is None:
            pytest.skip("npm is not installed, so there is no onnxruntime-web")
        subprocess.run(["make", "-C", str(ROOT), "web"], check=True)
        return runtime()
