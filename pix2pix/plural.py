"""Numbers of things in words."""


def counted(number: float, noun: str) -> str:
    """The number and the noun, which gets an s unless the number is one.

    >>> counted(1, "pair"), counted(2, "pair"), counted(1.5, "CPU")
    ('1 pair', '2 pairs', '1.5 CPUs')
    """
    shown = number if isinstance(number, int) else f"{number:g}"
    return f"{shown} {noun}{'' if number == 1 else 's'}"
