import dataclasses

import numpy as np
import pytest

from pipelines.registry.comparison import Contender, Verdict, judge
from pix2pix.config import RegisterConfig
from pix2pix.evaluation.image_groups import ImageGroups, groups_named, single_images
from pix2pix.evaluation.paired import ModelScores

RULE = RegisterConfig(
    experiment="x",
    model_name=None,
    promote="auto",
    min_l1_gain=0.0,
    max_frechet_increase=0.0,
    confidence=0.95,
    num_bootstrap=200,
)
IMAGES = np.linspace(0.1, 0.5, 20)  # L1 of the champion's images
TARGETS = np.random.default_rng(0).normal(size=(20, 4))


def contender(version: str, l1: np.ndarray | None, shift: float = 0.0) -> Contender:
    """A version with these scores, and features that are `shift` off the targets."""
    if l1 is None:
        return Contender(model="m", version=version, scores=None, obstacle="too large")
    scores = ModelScores(l1=l1, features=TARGETS[: len(l1)] + shift)
    return Contender(model="m", version=version, scores=scores)


CHAMPION = contender("1", IMAGES)


def judged(
    challenger: Contender,
    champion: Contender | None = CHAMPION,
    groups: ImageGroups | None = None,
    **rule: float | str | None,
) -> Verdict:
    targets = None if challenger.scores is None else TARGETS[: len(challenger.scores.l1)]
    groups = groups or single_images(len(IMAGES if targets is None else targets))
    config = dataclasses.replace(RULE, **rule)
    return judge(challenger, champion, targets=targets, config=config, groups=groups)


def test_a_lower_l1_of_every_image_is_better() -> None:
    verdict = judged(contender("2", IMAGES - 0.01))
    assert (verdict.outcome, verdict.opponent) == ("promoted", "1")
    assert verdict.reason == (
        "dev L1 0.29, 0.01 lower than version 1 (95 % interval: 0.01 lower to 0.01 lower)"
    )


def test_a_mean_that_is_lower_by_chance_is_not_better() -> None:
    """Half of the images are better by 0.05, the others worse by 0.04."""
    change = np.where(np.arange(20) % 2, -0.05, 0.04)
    verdict = judged(contender("2", IMAGES + change))
    assert verdict.outcome == "not promoted"
    assert verdict.reason.startswith("dev L1 0.295, 0.005 lower than version 1 (95 % interval: ")
    assert verdict.reason.endswith("higher); it would be better if the whole interval is lower")


def films(num_films: int) -> ImageGroups:
    return groups_named([f"film{image * num_films // 20}" for image in range(20)])


def test_a_version_that_is_better_on_most_films_by_chance_is_not_better() -> None:
    """Frame by frame it would be; of ten films, seven are better and three worse."""
    change = np.where(films(10).numbers < 7, -0.01, 0.0075)
    challenger = contender("2", IMAGES + change)
    assert judged(challenger).outcome == "promoted"
    verdict = judged(challenger, groups=films(10))
    assert verdict.outcome == "not promoted"
    assert "(95 % interval over the 10 groups of 20 images: " in verdict.reason


def test_few_films_of_many_frames_have_no_interval() -> None:
    verdict = judged(contender("2", IMAGES - 0.01), groups=films(7))
    assert verdict.outcome == "promoted"
    assert verdict.l1 is not None
    assert verdict.l1.change.low is None
    assert verdict.frechet is None
    assert verdict.reason == (
        "dev L1 0.29, 0.01 lower than version 1; L1 alone decides, without an interval, because "
        "there are fewer than 8 groups of dev images"
    )


@pytest.mark.parametrize(("gain", "outcome"), [(0.009, "promoted"), (0.011, "not promoted")])
def test_the_gain_has_to_exceed_the_one_that_is_asked_for(gain: float, outcome: str) -> None:
    verdict = judged(contender("2", IMAGES - 0.01), min_l1_gain=gain)
    assert verdict.outcome == outcome
    assert ("lower by more than 0.011" in verdict.reason) is (outcome == "not promoted")


def test_equal_models_leave_the_champion() -> None:
    verdict = judged(contender("2", IMAGES))
    assert verdict.outcome == "not promoted"
    assert "dev L1 0.3, equal to version 1 image by image; " in verdict.reason


@pytest.mark.parametrize(
    ("limit", "outcome"), [(0.0, "not promoted"), (4.01, "promoted"), (None, "promoted")]
)
def test_a_version_that_is_better_by_l1_and_worse_by_distance_is_not_promoted(
    limit: float | None, outcome: str
) -> None:
    """All features are shifted by 1: a distance of 4, in each resample."""
    verdict = judged(contender("2", IMAGES - 0.01, shift=1.0), max_frechet_increase=limit)
    assert verdict.outcome == outcome
    objection = "; its Frechet distance 4 is 4 higher than version 1 (95 % interval: 4 higher to"
    assert (objection in verdict.reason) is (outcome == "not promoted")
    assert (verdict.frechet is None) is (limit is None)


def test_a_distance_that_is_higher_within_its_interval_is_no_objection() -> None:
    noise = np.random.default_rng(1).normal(size=TARGETS.shape)
    champion, challenger = (
        Contender(model="m", version=version, scores=ModelScores(l1=l1, features=features))
        for version, l1, features in (
            ("1", IMAGES, TARGETS + noise),
            ("2", IMAGES - 0.01, TARGETS - 1.02 * noise),
        )
    )
    verdict = judged(challenger, champion)
    assert verdict.frechet is not None
    assert verdict.frechet.change.low is not None
    assert verdict.frechet.change.low < 0 < verdict.frechet.change.value
    assert verdict.outcome == "promoted"


@pytest.mark.parametrize(("change", "outcome"), [(-1e-4, "promoted"), (1e-4, "not promoted")])
def test_of_few_images_the_mean_l1_alone_decides_and_it_is_said(
    change: float, outcome: str
) -> None:
    few = IMAGES[:7]
    verdict = judged(contender("2", few + change, shift=9.0), contender("1", few))
    assert verdict.outcome == outcome
    assert verdict.reason.endswith(
        "; L1 alone decides, without an interval, because there are fewer than 8 dev images"
    )


def test_images_without_a_distance_are_decided_by_l1_alone_and_it_is_said() -> None:
    groups = single_images(len(IMAGES))
    challenger = contender("2", IMAGES - 0.01)
    verdict = judge(challenger, CHAMPION, targets=None, config=RULE, groups=groups)
    assert verdict.outcome == "promoted"
    assert "L1 alone decides, because images of these channels have no" in verdict.reason


def test_where_there_is_no_champion_a_version_becomes_it() -> None:
    verdict = judged(contender("1", IMAGES), None)
    assert (verdict.outcome, verdict.opponent) == ("promoted", None)
    assert verdict.reason == "dev L1 0.3; there was no champion"


@pytest.mark.parametrize("champion", [None, CHAMPION])
def test_a_score_that_is_no_number_is_never_promoted(champion: Contender | None) -> None:
    verdict = judged(contender("2", np.where(np.arange(20), IMAGES - 0.01, np.nan)), champion)
    assert verdict.outcome == "not promoted"
    assert verdict.reason == "its dev L1 is not a finite number"


def test_a_champion_whose_score_is_no_number_is_replaced() -> None:
    verdict = judged(contender("2", IMAGES), contender("1", IMAGES * np.inf))
    assert verdict.outcome == "promoted"


def test_what_cannot_be_scored_is_not_compared_and_it_is_said_what_to_do() -> None:
    verdict = judged(contender("2", IMAGES - 0.01), contender("1", None))
    assert (verdict.outcome, verdict.opponent, verdict.l1) == ("not compared", "1", None)
    assert verdict.reason == (
        "version 1, the champion, cannot be scored on this data (too large); "
        "`pix2pix promote m/2` makes version 2 the champion"
    )
    assert judged(contender("2", None)).outcome == "not compared"
    assert judged(contender("2", None), None).reason == "too large"


@pytest.mark.parametrize("champion", [CHAMPION, None])
def test_what_is_promoted_by_hand_waits_for_the_command(champion: Contender | None) -> None:
    """The first version waits, too; what is not better does not."""
    better = contender("2", IMAGES - 0.01)
    automatic, by_hand = judged(better, champion), judged(better, champion, promote="by_hand")
    assert (automatic.outcome, by_hand.outcome) == ("promoted", "left to a person")
    assert by_hand.reason == f"{automatic.reason}; it waits for `pix2pix promote m/2`"
    assert (by_hand.opponent, by_hand.l1) == (automatic.opponent, automatic.l1)
    equal = contender("2", IMAGES)
    assert judged(equal, promote="by_hand") == judged(equal)
