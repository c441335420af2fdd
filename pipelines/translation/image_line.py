"""The line of text that shows how far the translation of an image is."""

from pipelines.processes.duration import duration


def image_line(name: str, share: float, elapsed_s: float) -> str:
    """The line for an image of which the `share`, more than 0, is translated.

    >>> image_line("a.png", 0.25, 10.0)
    'a.png: 25%, 30 s left'
    """
    return f"{name}: {share:.0%}, {duration(elapsed_s * (1 - share) / share)} left"
