"""Reads params.yaml and says what is wrong with it, before DVC takes the first output away."""

from pathlib import Path

from pipelines.entrypoint import run
from pix2pix.config import load_params
from pix2pix.data.names import refuse_bad_names
from pix2pix.tuning.space import check_space


def main() -> None:
    """Raise UserError naming each wrong parameter, or files that DVC cannot name."""
    params = load_params()
    check_space(params)
    if params.data.source == "folder":
        refuse_bad_names(Path(params.data.path))


if __name__ == "__main__":
    run(main)
