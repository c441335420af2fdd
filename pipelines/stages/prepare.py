"""DVC stage `prepare`: check the pairs, split and resize them into memory-mapped arrays."""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.entrypoint import run
from pipelines.json_files import write_json
from pipelines.paths import CHECKS_PATH, PREPARED_DIR
from pipelines.repository.stage_inputs import read_inputs, refuse_changes
from pix2pix.config import DataConfig, load_params
from pix2pix.errors import UserError
from pix2pix.files import spill_folder
from pix2pix.plural import counted
from pix2pix.preparation.prepare import prepare_pairs
from pix2pix.preparation.report import BadPairsError, as_dict, format_report

logger = logging.getLogger(__name__)


def main() -> None:
    """Read params.yaml and the raw pairs, write data/prepared and the report of the checks."""
    params = load_params()
    inputs, config = read_inputs("prepare", params), params.data
    try:
        with _raw_pairs(config) as raw_dir:
            prepared = prepare_pairs(raw_dir, PREPARED_DIR, config)
    except BadPairsError as error:
        write_json(CHECKS_PATH, as_dict(error.report))
        # Leaving out pairs does not correct offences of the whole data set.
        or_exclude = "" if error.report.is_beyond_excluding else ", or set on_bad_pair: exclude"
        raise UserError(
            f"{error}\nNothing was prepared. The whole report is in {CHECKS_PATH}; correct what it "
            f"names{or_exclude}"
        ) from None
    write_json(CHECKS_PATH, as_dict(prepared.report))
    refuse_changes(inputs)
    logger.info("%s", format_report(prepared.report))


@contextmanager
def _raw_pairs(config: DataConfig) -> Iterator[Path]:
    """The folder of the pairs; those of films exist as long as the block runs."""
    if config.source != "video":
        yield Path(config.path)
        return
    from pix2pix.sources.films import extract_pairs  # needs PyAV

    with tempfile.TemporaryDirectory(dir=spill_folder()) as folder:
        num_pairs = extract_pairs(config, Path(folder))
        logger.info("%s of frames", counted(num_pairs, "pair"))
        yield Path(folder)


if __name__ == "__main__":
    run(main)
