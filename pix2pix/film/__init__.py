"""Films: read their frames as upright RGB images, write such images as a film, measure flicker.

Start with `opening` (what a film is, and which files are none) and `frames`. `encoding` writes a
part of a film, `assembly` joins the parts and copies the sound, `flicker` measures a result.

Only this package uses PyAV, which is an optional dependency; so modules that not every user needs
import it inside of functions.
"""

from pix2pix.errors import UserError

try:
    import av  # noqa: F401
except ModuleNotFoundError:
    raise UserError(
        "films need PyAV: `make setup` installs it, or in an environment of your own "
        "`pip install -e '.[film]'`"
    ) from None
