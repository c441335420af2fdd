"""DVC stage `parent`: read the trained networks that the training starts from, if there are any.

It runs on every `dvc repro`, because DVC sees no change behind `train.init_from`: of a file, a
folder or a registered version. The training depends on the content of the file that is written.
"""

import logging

from safetensors import serialize

from pipelines.entrypoint import run
from pipelines.paths import PARENT_PATH
from pix2pix.config import Params, load_params
from pix2pix.files import write_bytes

_NO_PARENT = serialize({})  # DVC warns of files without any content

logger = logging.getLogger(__name__)


def main() -> None:
    """Read params.yaml and the parent, write data/parent.safetensors: without tensors if none."""
    params = load_params()
    earlier = PARENT_PATH.read_bytes() if PARENT_PATH.is_file() else None
    reference = params.train.init_from
    content = _NO_PARENT if reference is None else _read(params, reference, earlier)
    if content != earlier:
        write_bytes(PARENT_PATH, content)


def _read(params: Params, reference: str, earlier: bytes | None) -> bytes:
    """Return the content of the file, after a check that the parent fits the parameters."""
    # Importing torch and MLflow takes seconds, so it is done only if there is a parent.
    from pipelines.registry.parent import read_parent
    from pipelines.tracking.uri import tracking_uri
    from pix2pix.errors import UserError
    from pix2pix.models import network_configs
    from pix2pix.models.transfer import check_fits
    from pix2pix.parent import from_bytes, to_bytes

    try:
        fetched = from_bytes(earlier, name=str(PARENT_PATH)) if earlier else None
    except UserError:
        fetched = None  # damaged, and so it is read again
    parent = read_parent(reference, params.train.init_networks, uri=tracking_uri(), fetched=fetched)
    check_fits(parent.networks, *network_configs(params))
    return to_bytes(parent)


if __name__ == "__main__":
    run(main)
