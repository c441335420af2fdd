"""Reads params.yaml and says what is wrong with it, before DVC takes the first output away."""

from pipelines.entrypoint import run
from pix2pix.config import load_params
from pix2pix.tuning.space import check_space


def main() -> None:
    """Raise ValueError naming each wrong parameter."""
    check_space(load_params())


if __name__ == "__main__":
    run(main)
