"""Project training speed to clusters: `python -m benchmarks.scaling_model --table`.

`--measured FILE.json` adds what `benchmarks.scaling` measured and how well the model predicts it;
`--write docs/scaling.md` puts all of it between the document's comments.
"""

import argparse
import sys
from pathlib import Path

from benchmarks.assumptions import UTILISATION, gpu
from benchmarks.costs import count_networks
from benchmarks.markdown import write_sections
from benchmarks.measured_tables import calibration_section, measured_section
from benchmarks.results import read_measured
from benchmarks.simulated_tables import (
    assumptions_section,
    costs_section,
    efficiency_section,
    goal_section,
)
from benchmarks.workload import preset


def sections(measured_path: Path | None, utilisation: float = UTILISATION) -> dict[str, str]:
    """The generated parts of docs/scaling.md by name."""
    networks, device = count_networks(preset("reference")), gpu(utilisation)
    simulated = {
        "costs": costs_section(networks),
        "assumptions": assumptions_section(utilisation),
        "efficiency": efficiency_section(networks, device),
        "goal": goal_section(networks, device),
    }
    if measured_path is None:
        return simulated
    measured = read_measured(measured_path)
    return simulated | {
        "measured": measured_section(measured),
        "calibration": calibration_section(measured),
    }


def main() -> None:
    """Print the sections, or write them into the document."""
    parser = argparse.ArgumentParser(prog="benchmarks.scaling_model", description=__doc__)
    parser.add_argument("--table", action="store_true", help="print the tables as markdown")
    parser.add_argument("--measured", type=Path, help="JSON file of benchmarks.scaling")
    parser.add_argument(
        "--write", type=Path, metavar="FILE.md", help="document to bring up to date"
    )
    parser.add_argument(
        "--utilisation", type=float, default=UTILISATION, help="of the GPU's peak (assumed)"
    )
    arguments = parser.parse_args()
    if not (arguments.table or arguments.write):
        parser.error("nothing to do: --table, --write or both")
    found = sections(arguments.measured, arguments.utilisation)
    if arguments.table:
        sys.stdout.write("".join(f"## {name}\n{text}" for name, text in found.items()))
    if arguments.write:
        write_sections(arguments.write, found)


if __name__ == "__main__":
    main()
