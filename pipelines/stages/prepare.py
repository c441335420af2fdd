"""DVC stage `prepare`: check the pairs, split and resize them into memory-mapped arrays."""

import logging
from pathlib import Path

from pipelines.entrypoint import run, write_json
from pipelines.paths import CHECKS_PATH, PREPARED_DIR
from pix2pix.config import load_params
from pix2pix.errors import UserError
from pix2pix.preparation.prepare import prepare_pairs
from pix2pix.preparation.report import BadPairsError, as_dict, format_report

logger = logging.getLogger(__name__)


def main() -> None:
    """Read params.yaml and the raw pairs, write data/prepared and the report of the checks."""
    config = load_params().data
    try:
        prepared = prepare_pairs(Path(config.path), PREPARED_DIR, config)
    except BadPairsError as error:
        write_json(CHECKS_PATH, as_dict(error.report))
        # Leaving out pairs does not correct offences of the whole data set.
        or_exclude = "" if error.report.is_beyond_excluding else ", or set on_bad_pair: exclude"
        raise UserError(
            f"{error}\nNothing was prepared. The whole report is in {CHECKS_PATH}; correct what it "
            f"names{or_exclude}"
        ) from None
    write_json(CHECKS_PATH, as_dict(prepared.report))
    logger.info("%s", format_report(prepared.report))


if __name__ == "__main__":
    run(main)
