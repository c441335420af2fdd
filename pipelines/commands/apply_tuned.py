"""Writes what a study found into params.yaml, comments and order kept: `python -m ...`.

Never done by a stage: the next training changes only when somebody says so.
"""

import argparse
import dataclasses
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipelines.entrypoint import run
from pipelines.paths import TUNE_DIR
from pipelines.repository.params_file import PARAMS_FILE, override_params
from pipelines.tuning.report import BEST_FILE
from pix2pix.config import load_params, parse_params
from pix2pix.config.yaml_file import read_yaml
from pix2pix.errors import UserError

logger = logging.getLogger(__name__)


def apply_tuned(project_dir: Path, found_path: Path) -> dict[str, Any]:
    """Write the values of `found_path` into the project's params.yaml; returns what has changed.

    Raises UserError naming a file that is missing or holds no parameters, or a value that the
    parameters refuse; then nothing is written.
    """
    found = _read(found_path)
    before = dataclasses.asdict(load_params(project_dir / PARAMS_FILE))
    after = _merged(before, found)
    try:
        parse_params(after)
    except UserError as error:
        raise UserError(f"{found_path} does not fit {PARAMS_FILE}: {error}") from None
    override_params(project_dir, found)
    held = dict(_leaves(before))
    return {key: value for key, value in _leaves(found) if held.get(key) != value}


def _read(path: Path) -> dict[str, Any]:
    """The sections in a file that a study wrote, and a person may have changed."""
    if not path.is_file():
        raise UserError(f"{path} is missing; run `dvc repro tune` or `dvc pull`")
    found = read_yaml(path)
    if not found:
        raise UserError(f"{path} holds no parameters; run `dvc repro -f -s tune`")
    if not isinstance(found, dict):
        raise UserError(f"{path} must hold sections as {PARAMS_FILE} does, got {found!r}")
    for section, values in found.items():
        if not isinstance(section, str) or not isinstance(values, dict):
            raise UserError(
                f"{path}: {section} must be a section with its keys, as in {PARAMS_FILE}, "
                f"got {values!r}"
            )
    return found


def _merged(mapping: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`mapping` with the values of `over`, section by section."""
    merged = dict(mapping)
    for key, value in over.items():
        held = merged.get(key)
        if isinstance(held, Mapping) and isinstance(value, Mapping):
            value = _merged(held, value)
        merged[key] = value
    return merged


def _leaves(mapping: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and their values."""
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def main() -> None:
    """Apply the best parameters, or those of a file that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=TUNE_DIR / BEST_FILE)
    changed = apply_tuned(Path(), parser.parse_args().file)
    for key, value in changed.items():
        logger.info("%s: %s", key, value)
    logger.info("%d value(s) changed in %s", len(changed), PARAMS_FILE)


if __name__ == "__main__":
    run(main)
