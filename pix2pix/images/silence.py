"""Silence libraries that warn of what is wrong with a file without naming it."""

import warnings


def silence(module: str, category: type[Warning] = Warning) -> None:
    """Show no warnings of this category from modules whose names begin as the pattern `module`.

    The filter is set once: with each new one Python forgets which warnings it has shown, and would
    show those of other libraries again at each file.
    """
    known = (getattr(each, "pattern", each) for _, _, _, each, _ in warnings.filters)
    if module not in known:
        warnings.filterwarnings("ignore", category=category, module=module)
