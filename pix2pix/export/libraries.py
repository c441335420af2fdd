"""The optional libraries that an export needs."""

from importlib.util import find_spec

from pix2pix.errors import UserError

_NEEDED = ("onnx", "onnxruntime", "onnxscript")


def check_libraries() -> None:
    """Raise UserError, with the command that installs them, if libraries are missing."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise UserError(
            f"`pix2pix export` needs {', '.join(missing)}: `make setup` installs them, or in an "
            "environment of your own `pip install -e '.[export]'`"
        )
