"""onnxruntime-web, which `make web` takes from npm and puts beside this file.

Its version is in package.json. A wheel that is built after `make web` contains it.
"""

from importlib.resources import files

from pix2pix.errors import UserError
from pix2pix.export.page import Runtime

SCRIPT_NAME = "ort.wasm.bundle.min.mjs"
WASM_NAME = "ort-wasm-simd-threaded.wasm"


def runtime() -> Runtime:
    """Return the files. Raises UserError, with the command that installs them, without them."""
    folder = files(__name__)
    script, wasm = folder.joinpath(SCRIPT_NAME), folder.joinpath(WASM_NAME)
    if not (script.is_file() and wasm.is_file()):
        raise UserError(
            "the page needs onnxruntime-web, which is not installed: run `make web` (it needs npm) "
            "in the project's folder, or leave the page out with `--no-page`"
        )
    return Runtime(script.read_bytes(), wasm.read_bytes())
