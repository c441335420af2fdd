"""Durations in words."""


def duration(seconds: float) -> str:
    """A duration for people.

    >>> duration(7.4), duration(130), duration(3 * 3600 + 65)
    ('7 s', '2 min 10 s', '3 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
