"""Set tags on the registered version and on its MLflow run: `link KEY=VALUE ...`.

Flows use it to name the flow run and the DVC experiment that belong to a version.
"""

import argparse
import re
from collections.abc import Iterable, Mapping, Sequence

from mlflow import MlflowClient

from pipelines.entrypoint import run
from pipelines.registry.lookup import registered_version
from pipelines.registry.version_tags import set_version_tags
from pipelines.tracking.connection import connected
from pipelines.tracking.run import MlflowRun
from pipelines.tracking.uri import tracking_uri
from pix2pix.errors import UserError

_TAG = re.compile(r"(?P<key>\w[\w.\-/ :]{0,249})=(?P<value>.+)", re.DOTALL | re.ASCII)
_OWN = "pix2pix."  # prefix of the tags that the pipeline itself writes and reads


def parse_tags(arguments: Iterable[str]) -> dict[str, str]:
    """Parse KEY=VALUE arguments; everything after the first `=` is the value.

    Raises UserError naming an argument of another form, a key of the pipeline's own tags, or a key
    with two values.
    """
    tags: dict[str, str] = {}
    for argument in arguments:
        match = _TAG.fullmatch(argument)
        if match is None:
            raise UserError(
                f"{argument!r} is no tag; write KEY=VALUE, the key of letters, digits, "
                "_ . - / : and spaces, at most 250"
            )
        key, value = match["key"], match["value"]
        if key.startswith(_OWN):
            raise UserError(f"{argument!r}: tags that begin with {_OWN} are the pipeline's own")
        if tags.setdefault(key, value) != value:
            raise UserError(f"{key!r} is given twice: {tags[key]!r} and {value!r}")
    return tags


def link(client: MlflowClient, tags: Mapping[str, str]) -> None:
    """Set the tags that are missing or different on the registered version and on its run.

    Raises UserError if MLflow does not have the version of register.json.
    """
    version = registered_version(client)
    run_id = str(version.run_id)
    MlflowRun(client, run_id, client.get_run(run_id).info.experiment_id).set_tags(tags)
    set_version_tags(client, version, tags)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read reports/register.json, write to MLflow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tags", nargs="+", metavar="KEY=VALUE")
    tags = parse_tags(parser.parse_args(arguments).tags)
    with connected(tracking_uri()) as client:
        link(client, tags)


if __name__ == "__main__":
    run(main)
