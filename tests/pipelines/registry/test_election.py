"""Which version becomes the champion, at a real MLflow, with scores that are given."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from pipelines.registry.champion import CHAMPION_TAG, SINCE_TAG
from pipelines.registry.comparison import Verdict
from pipelines.registry.election import elect
from tests.support.mlflow_process import serving
from tests.support.registered_project import MODEL, champion, put_version
from tests.support.tracked_project import new_database

LIMIT_S = 60.0


class Scores:
    """A judge by given numbers, the lower the better. It can be told to pause once."""

    def __init__(self, *scores: float, is_slow: bool = False) -> None:
        """The scores of versions 1, 2, ..."""
        self._scores = scores
        self.has_read, self.may_set = threading.Event(), threading.Event()
        if not is_slow:
            self.may_set.set()

    def __call__(self, challenger: ModelVersion, champion: ModelVersion | None) -> Verdict:
        self.has_read.set()  # the registry; the alias is set after the judgement
        assert self.may_set.wait(LIMIT_S)
        other = None if champion is None else str(champion.version)
        own = self._of(challenger)
        is_better = champion is None or own < self._of(champion)
        return Verdict(
            outcome="promoted" if is_better else "not promoted", reason=f"{own}", opponent=other
        )

    def _of(self, version: ModelVersion) -> float:
        return self._scores[int(version.version) - 1]


@pytest.fixture
def client(workspace: Path, uri: str) -> MlflowClient:
    return MlflowClient(uri)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a server, and that of its database."""
    folder = tmp_path_factory.mktemp("server")
    uri = new_database(folder)
    arguments = ["server", "--backend-store-uri", uri, "--host", "127.0.0.1"]
    with serving(arguments, cwd=folder, health="/health", uri=uri) as url:
        yield url, uri


def new_versions(client: MlflowClient, count: int) -> None:
    for _ in range(count):
        put_version(client)


def register(client: MlflowClient, number: int, judge: Scores) -> Verdict:
    return elect(client, client.get_model_version(MODEL, str(number)), judge)


def words(client: MlflowClient) -> dict[str, str]:
    """What the tags say became of each version that was registered."""
    return {
        str(version.version): version.tags[CHAMPION_TAG]
        for version in client.search_model_versions(f"name = '{MODEL}'")
        if CHAMPION_TAG in version.tags
    }


@pytest.mark.slow
def test_one_after_another_the_better_one_is_the_champion(client: MlflowClient) -> None:
    judge = Scores(0.3, 0.4, 0.2, 0.2)
    champions = []
    for number in range(1, 5):
        put_version(client)
        register(client, number, judge)
        champions.append(champion(client))
    assert champions == ["1", "1", "3", "3"]
    assert words(client) == {
        "1": "replaced by version 3",
        "2": "not promoted: 0.4",
        "3": "promoted: 0.2",
        "4": "not promoted: 0.2",
    }


def test_of_equal_ones_that_wait_the_oldest_is_the_champion(
    client: MlflowClient, caplog: pytest.LogCaptureFixture
) -> None:
    """By number: as words, 10 comes before 9. What became of the own version, the stage says."""
    caplog.set_level("INFO", "pipelines.registry.election")
    new_versions(client, 11)
    for number in ("9", "10"):
        client.set_model_version_tag(MODEL, number, CHAMPION_TAG, "waiting to be compared")
    register(client, 11, Scores(*[0.5] * 8, 0.2, 0.2, 0.3))
    assert champion(client) == "9"
    assert [message.partition(":")[0] for message in caplog.messages] == [
        f"{MODEL} version {number}" for number in (9, 10)
    ]


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.parametrize("slow", [2, 3])
@pytest.mark.parametrize("scores", [(0.3, 0.2, 0.1), (0.3, 0.1, 0.2), (0.1, 0.2, 0.3)])
@pytest.mark.parametrize("has_champion", [True, False])
def test_of_two_registrations_at_once_the_better_version_is_the_only_champion(
    server: tuple[str, str],
    workspace: Path,
    slow: int,
    scores: tuple[float, float, float],
    *,
    has_champion: bool,
) -> None:
    """The slow one has read the registry, and sets the alias after the other one has ended."""
    url, database = server
    new_versions(MlflowClient(database), 3)  # a server takes no version without files
    client = MlflowClient(url)
    if has_champion:
        register(client, 1, Scores(*scores))
    fast = 5 - slow
    judge = Scores(*scores, is_slow=True)
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(register, MlflowClient(url), slow, judge)
        assert judge.has_read.wait(LIMIT_S)
        register(client, fast, Scores(*scores))
        judge.may_set.set()
        verdict = pending.result(LIMIT_S)
    numbers = (1, 2, 3) if has_champion else (2, 3)
    best = min(numbers, key=lambda number: scores[number - 1])
    assert champion(client) == str(best)
    assert (verdict.outcome == "promoted") is (best == slow)
    said = words(client)
    assert [number for number in said if said[number].startswith("promoted")] == [str(best)]
    assert not any(text.startswith("waiting") for text in said.values())
    client.delete_registered_model(MODEL)


def test_a_registration_that_was_killed_before_its_second_look_is_made_good_by_the_next(
    client: MlflowClient,
) -> None:
    new_versions(client, 3)
    scores = Scores(0.3, 0.2, 0.1, 0.4)
    for number in (1, 3):
        register(client, number, scores)
    # Registration 2 had read before 3 was announced; it sets the alias, and is killed.
    client.set_model_version_tag(MODEL, "2", CHAMPION_TAG, "promoted: 0.2")
    client.set_registered_model_alias(MODEL, "champion", "2")
    put_version(client)
    assert register(client, 4, scores).outcome == "not promoted"
    assert champion(client) == "3"
    assert words(client)["2"] == "replaced by version 3"


def test_a_version_whose_registration_was_killed_before_the_alias_is_compared_by_the_next(
    client: MlflowClient,
) -> None:
    new_versions(client, 3)
    scores = Scores(0.3, 0.1, 0.2)
    register(client, 1, scores)
    client.set_model_version_tag(MODEL, "2", CHAMPION_TAG, "waiting to be compared")
    verdict = register(client, 3, scores)
    assert (verdict.outcome, verdict.opponent) == ("not promoted", "2")
    assert champion(client) == "2"


def test_a_version_that_was_called_promoted_and_never_was_does_not_stay_so(
    client: MlflowClient,
) -> None:
    """Its registration was killed between the word and the alias."""
    new_versions(client, 3)
    scores = Scores(0.3, 0.2, 0.1)
    register(client, 1, scores)
    client.set_model_version_tag(MODEL, "2", CHAMPION_TAG, "promoted: 0.2")
    register(client, 3, scores)
    assert words(client) == {
        "1": "replaced by version 3",
        "2": "replaced by version 3",
        "3": "promoted: 0.1",
    }


def test_registering_the_champion_again_leaves_it(client: MlflowClient) -> None:
    new_versions(client, 1)
    client.set_registered_model_alias(MODEL, "champion", "1")  # as an older pipeline did
    verdict = register(client, 1, Scores(0.3))
    assert (verdict.outcome, verdict.reason) == ("promoted", "version 1 is the champion already")
    assert words(client) == {"1": "promoted: version 1 is the champion already"}


def test_registering_a_promoted_version_again_keeps_what_was_said_of_it(
    client: MlflowClient,
) -> None:
    new_versions(client, 1)
    for _ in range(2):
        assert register(client, 1, Scores(0.3)).outcome == "promoted"
        assert words(client) == {"1": "promoted: 0.3"}


def test_a_champion_without_a_word_is_replaced_and_one_that_waits_goes_on_waiting(
    client: MlflowClient,
) -> None:
    """The first got its alias in MLflow itself; the registration of the second was killed."""
    new_versions(client, 3)
    client.set_registered_model_alias(MODEL, "champion", "1")
    client.set_model_version_tag(MODEL, "2", CHAMPION_TAG, "waiting to be compared")
    register(client, 3, Scores(0.2, 0.3, 0.1))
    assert words(client) == {
        "1": "replaced by version 3",
        "2": "waiting to be compared",
        "3": "promoted: 0.1",
    }


def test_a_version_that_was_champion_for_a_moment_is_not_in_the_history(
    client: MlflowClient,
) -> None:
    new_versions(client, 3)
    scores = Scores(0.3, 0.2, 0.1)
    register(client, 1, scores)

    def judge(challenger: ModelVersion, current: ModelVersion | None) -> Verdict:
        if str(challenger.version) == "2" and not announced:
            announced.append("3")  # another registration begins now
            client.set_model_version_tag(MODEL, "3", CHAMPION_TAG, "waiting to be compared")
        return scores(challenger, current)

    announced: list[str] = []
    verdict = elect(client, client.get_model_version(MODEL, "2"), judge)
    assert (verdict.outcome, verdict.opponent) == ("not promoted", "3")
    assert champion(client) == "3"
    assert SINCE_TAG not in client.get_model_version(MODEL, "2").tags
