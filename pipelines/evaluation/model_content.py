"""The files of a model folder that a translation depends on, and their hash."""

import hashlib
from pathlib import Path

from pix2pix.checkpoint import GENERATOR_FILE
from pix2pix.errors import UserError
from pix2pix.files import sha256_of_file
from pix2pix.model_card import CARD_FILE

MODEL_KEY = "model_sha256"  # the key in metrics.json of the hash of the scored model
MODEL_FILES = (GENERATOR_FILE, CARD_FILE)  # translating does not need the discriminator


def content_hash(model_dir: Path) -> str:
    """Return the SHA-256 of `MODEL_FILES`. Raises UserError naming a file that is missing."""
    digest = hashlib.sha256()
    for name in MODEL_FILES:
        path = model_dir / name
        if not path.is_file():
            raise UserError(f"{path} is missing; run `dvc repro train` or `dvc pull`")
        digest.update(bytes.fromhex(sha256_of_file(path)))
    return digest.hexdigest()
