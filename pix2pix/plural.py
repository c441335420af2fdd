"""Numbers of things in words."""

_SINGULAR = {"are": "is", "were": "was", "have": "has"}  # other verbs get an s


def counted(number: float, noun: str, *, verb: str = "") -> str:
    """The number, the noun, and the verb, which is given as it follows a plural.

    >>> counted(1, "pair"), counted(2, "pair"), counted(1.5, "CPU")
    ('1 pair', '2 pairs', '1.5 CPUs')
    >>> counted(1, "pair", verb="are"), counted(1, "file", verb="hold")
    ('1 pair is', '1 file holds')
    """
    shown = number if isinstance(number, int) else f"{number:g}"
    if number != 1:
        return f"{shown} {noun}s {verb}".rstrip()
    return f"{shown} {noun} {_SINGULAR.get(verb, verb and f'{verb}s')}".rstrip()
