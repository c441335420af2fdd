"""Writes what a study found into params.yaml, comments and order kept: `python -m ...`.

Never done by a stage: the next training changes only when somebody says so.
"""

import argparse
import dataclasses
import logging
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipelines.entrypoint import run
from pipelines.override import PARAMS_FILE, override_params
from pipelines.paths import TUNE_DIR
from pipelines.tune_report import BEST_FILE
from pix2pix.config import load_params, parse_params
from pix2pix.errors import UserError

logger = logging.getLogger(__name__)


def apply_tuned(project_dir: Path, found_path: Path) -> dict[str, Any]:
    """Write the values of `found_path` into the project's params.yaml; returns what has changed.

    Raises UserError naming a file that is missing or a value that the parameters refuse; then
    nothing is written.
    """
    if not found_path.is_file():
        raise UserError(f"{found_path} is missing; run `dvc repro tune` or `dvc pull`")
    found: dict[str, dict[str, Any]] = YAML(typ="safe").load(found_path)
    mapping = dataclasses.asdict(load_params(project_dir / PARAMS_FILE))
    changed = {
        f"{section}.{name}": value
        for section, values in found.items()
        for name, value in values.items()
        if mapping.get(section, {}).get(name) != value
    }
    try:
        parse_params(mapping | {name: mapping[name] | values for name, values in found.items()})
    except (KeyError, ValueError) as error:
        raise UserError(f"{found_path} does not fit {PARAMS_FILE}: {error}") from None
    override_params(project_dir, found)
    return changed


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
