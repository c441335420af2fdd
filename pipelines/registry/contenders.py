"""Score registered versions on the dev split of the prepared data."""

import logging
from pathlib import Path

import numpy as np
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from pipelines.evaluation.dev_score import score_on_dev, target_features
from pipelines.evaluation.device import inference_device
from pipelines.evaluation.model_fit import misfit
from pipelines.paths import FEATURES_DIR
from pipelines.registry.comparison import Contender, Verdict, judge
from pipelines.registry.model_files import downloaded
from pipelines.registry.trained_pairs import leak
from pix2pix.config import RegisterConfig
from pix2pix.data.groups import groups_of
from pix2pix.data.manifest import load_manifest
from pix2pix.errors import UserError
from pix2pix.evaluation.extractors import FeatureExtractor, efficientnet_extractor
from pix2pix.evaluation.feature_cache import CachedExtractor
from pix2pix.evaluation.image_groups import groups_named
from pix2pix.evaluation.paired import MIN_GROUPS
from pix2pix.model_card import load_card

logger = logging.getLogger(__name__)


class Contenders:
    """The versions of a model, each scored once, when it is first compared.

    All are scored now, on this machine and this data. Scores of the training are not used, so that
    numbers of unlike protocols are never compared.
    """

    def __init__(
        self,
        client: MlflowClient,
        prepared_dir: Path,
        config: RegisterConfig,
        *,
        group: str | None,
    ) -> None:
        """`config` says whether Frechet distances are compared; `group` is `data.group`."""
        self._client = client
        self._prepared_dir = prepared_dir
        self._config = config
        self._scored: dict[str, Contender] = {}
        self._extractor: FeatureExtractor | None = None
        self._targets: np.ndarray | None = None
        pair_ids = load_manifest(prepared_dir).splits["dev"].pair_ids
        self._groups = groups_named(groups_of(pair_ids, group))
        if config.max_frechet_increase is not None and len(self._groups) >= MIN_GROUPS:
            # Not the Inception network of the stage `evaluate`: whether its weights are there
            # depends on the machine, but every machine has to decide alike.
            self._extractor = CachedExtractor(
                efficientnet_extractor(inference_device()), FEATURES_DIR
            )
            self._targets = target_features(prepared_dir, self._extractor)

    def judge(self, challenger: ModelVersion, champion: ModelVersion | None) -> Verdict:
        """Compare two versions, see `comparison.judge`."""
        return judge(
            self._contender(challenger),
            None if champion is None else self._contender(champion),
            targets=self._targets,
            groups=self._groups,
            config=self._config,
        )

    def _contender(self, version: ModelVersion) -> Contender:
        number = str(version.version)
        if number not in self._scored:
            self._scored[number] = self._score(version)
        return self._scored[number]

    def _score(self, version: ModelVersion) -> Contender:
        """The version with its scores, or with the reason why it cannot be scored."""
        model, number = version.name, str(version.version)
        manifest = load_manifest(self._prepared_dir)
        try:
            with downloaded(self._client, version) as model_dir:
                obstacle = misfit(load_card(model_dir), manifest)
                if obstacle is None:
                    known = leak(self._client, version, manifest, "dev")
                    if known is not None:
                        logger.warning(known)
                    scores = score_on_dev(model_dir, self._prepared_dir, self._extractor)
                    return Contender(model=model, version=number, scores=scores)
        except UserError as error:  # files that are missing or damaged
            obstacle = str(error)
        return Contender(model=model, version=number, scores=None, obstacle=obstacle)
