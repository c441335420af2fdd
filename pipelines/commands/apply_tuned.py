"""Writes what a study found into params.yaml, comments and order kept: `python -m ...`.

Never done by a stage: the next training changes only when somebody says so.
"""

import argparse
import logging
from pathlib import Path

from pipelines.entrypoint import run
from pipelines.paths import TUNE_DIR
from pipelines.repository.params_file import PARAMS_FILE, apply_overrides_file
from pipelines.tuning.report import BEST_FILE

logger = logging.getLogger(__name__)


def main() -> None:
    """Apply the best parameters, or those of a file that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=TUNE_DIR / BEST_FILE)
    changes = apply_overrides_file(Path(), parser.parse_args().file)
    for key, (before, after) in changes.items():
        logger.info("%s: %s -> %s", key, before, after)
    logger.info("%d value(s) changed in %s", len(changes), PARAMS_FILE)


if __name__ == "__main__":
    run(main)
