"""Reads params.yaml and says what is wrong with it, before DVC takes the first output away."""

from pathlib import Path

from pipelines.entrypoint import run
from pix2pix.config import load_params
from pix2pix.files import refuse_special_files
from pix2pix.images.names import refuse_bad_names
from pix2pix.tuning.space import check_space


def main() -> None:
    """Raise UserError naming each wrong parameter, or what DVC cannot name or is no file."""
    params = load_params()
    check_space(params)
    if params.data.source == "folder" and Path(params.data.path).is_dir():
        refuse_bad_names(Path(params.data.path))
        refuse_special_files(Path(params.data.path))


if __name__ == "__main__":
    run(main)
