"""A version that could not be loaded, and when it is tried again.

Each try downloads the whole version, so the pauses between the tries of one version double.
"""

from dataclasses import dataclass

_LONGEST_PAUSE_S = 600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedLoad:
    """The number of the version, and the last pause; times are those of one monotonic clock."""

    number: str
    pause_s: float
    again_s: float  # not before this time

    def holds_back(self, number: str, *, now_s: float) -> bool:
        """Whether it is too early to try the version `number`; another one is tried at once."""
        return number == self.number and now_s < self.again_s


def failed_load(
    number: str, before: FailedLoad | None, *, now_s: float, first_pause_s: float
) -> FailedLoad:
    """What to remember after a version has failed; `before` is the failure before, if any."""
    if before is None or before.number != number:
        pause_s = first_pause_s
    else:
        pause_s = min(2 * before.pause_s, _LONGEST_PAUSE_S)
    return FailedLoad(number=number, pause_s=pause_s, again_s=now_s + pause_s)
