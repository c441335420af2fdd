"""Read the trained model that `train.init_from` names."""

import logging
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from pipelines.evaluation.model_content import content_hash
from pipelines.paths import MODEL_DIR
from pipelines.registry.lookup import find_version, label
from pipelines.registry.mlflow_state import CONTENT_TAG
from pipelines.registry.model_files import downloaded, refuse_no_model
from pipelines.registry.reference import VERSION_REFERENCE
from pipelines.tracking.connection import connected
from pix2pix.checkpoint import DISCRIMINATOR_FILE, load_discriminator, load_generator
from pix2pix.config import InitNetworks
from pix2pix.errors import UserError
from pix2pix.files import real_path, sha256_of_file
from pix2pix.models import PatchDiscriminator
from pix2pix.models.reference import discriminator_from_file, generator_from_file
from pix2pix.models.transfer import ParentNetworks
from pix2pix.parent import Parent

_KEY = "train.init_from"
_MODELS = "models:/"
_GENERATOR_END, _DISCRIMINATOR_END = "_net_G.pth", "_net_D.pth"  # of the published files' names
_GENERATOR_ALONE = "set train.init_networks: generator to start from the generator alone"

logger = logging.getLogger(__name__)


def read_parent(
    reference: str, networks: InitNetworks, *, uri: str, fetched: Parent | None
) -> Parent:
    """Return the parent that `reference` (`train.init_from`) names.

    `uri` is that of MLflow, `fetched` the parent of an earlier call; a registered version is not
    downloaded again if that is the same. Raises UserError if there is no such model, or if it is
    damaged or lacks a network; ConnectionError if MLflow does not answer.
    """
    if reference.startswith(_MODELS):
        return _registered(reference, networks, uri=uri, fetched=fetched)
    path = Path(reference)
    if real_path(path).is_relative_to(MODEL_DIR.resolve()):
        raise UserError(
            f"{_KEY}: {reference} is what the training itself writes, so that each `dvc repro` "
            f"would train on; copy the folder, or write {_MODELS}NAME/VERSION"
        )
    try:
        if path.is_dir():
            refuse_no_model(path)
            content = content_hash(path)
            return _from_folder(path, networks, reference=reference, model_sha256=content)
        if path.is_file():
            return _published(path, networks, reference=reference)
    except UserError as error:
        raise UserError(f"{_KEY}: {str(error).removeprefix(f'{_KEY}: ')}") from None
    raise UserError(
        f"{_KEY}: {reference} is no file or folder here; write models:/NAME/VERSION, the folder of "
        f"a model, or the path of a published ...{_GENERATOR_END}"
    )


def _registered(
    reference: str, networks: InitNetworks, *, uri: str, fetched: Parent | None
) -> Parent:
    is_known = fetched is not None and (fetched.reference, fetched.which) == (reference, networks)
    known = fetched if is_known else None
    try:
        with connected(uri) as client:
            version = _named(client, reference)
            if VERSION_REFERENCE.fullmatch(reference) is None:
                raise UserError(
                    f"{_KEY}: {reference} is {label(version)} now and may be another one later, so "
                    f"that the training could not be repeated; write {_MODELS}{version.name}/"
                    f"{version.version}"
                )
            if known is not None and version.tags.get(CONTENT_TAG) == known.model_sha256:
                return known
            with downloaded(client, version) as model_dir:
                return _from_folder(
                    model_dir,
                    networks,
                    reference=reference,
                    model_sha256=version.tags[CONTENT_TAG],
                )
    except ConnectionError as error:
        if known is None:
            raise
        logger.warning("%s\nGoing on with %s as it was fetched before", error, reference)
        return known


def _named(client: MlflowClient, reference: str) -> ModelVersion:
    try:
        return find_version(client, reference)
    except UserError as error:
        raise UserError(f"{_KEY}: {error}") from None


def _from_folder(
    folder: Path, networks: InitNetworks, *, reference: str, model_sha256: str
) -> Parent:
    generator, card = load_generator(folder)
    discriminator: PatchDiscriminator | None = None
    if networks == "both":
        if not (folder / DISCRIMINATOR_FILE).is_file():
            raise UserError(f"{_KEY}: {reference} has no discriminator; {_GENERATOR_ALONE}")
        discriminator, _ = load_discriminator(folder)
    return Parent(
        reference=reference,
        model_sha256=model_sha256,
        networks=ParentNetworks(generator, discriminator),
        card=card,
    )


def _published(path: Path, networks: InitNetworks, *, reference: str) -> Parent:
    generator = generator_from_file(path)
    discriminator: PatchDiscriminator | None = None
    if networks == "both":
        other = path.with_name(path.name.removesuffix(_GENERATOR_END) + _DISCRIMINATOR_END)
        if not other.is_file():
            raise UserError(
                f"{_KEY}: the discriminator of {reference} is missing, {other}; {_GENERATOR_ALONE}"
            )
        discriminator = discriminator_from_file(other)
    return Parent(
        reference=reference,
        model_sha256=sha256_of_file(path),
        networks=ParentNetworks(generator, discriminator),
        card=None,
    )
