"""The packages of a training compared with those that are installed now."""

import platform

from pipelines.repository.origin import Origin, installed_packages


def package_changes(origin: Origin) -> list[str]:
    """Return a sentence for each recorded package that has another version here, or is missing.

    Packages that have been added since the training do not count: the code of that time does not
    import them.
    """
    then = {"Python": origin.python, **_versions(origin.packages)}
    now = {"Python": platform.python_version(), **_versions(installed_packages())}
    return [
        f"{name}: {version} recorded, {now.get(name, 'not installed')} here"
        for name, version in then.items()
        if now.get(name) != version
    ]


def _versions(packages: str) -> dict[str, str]:
    pairs = (line.partition("==") for line in packages.splitlines())
    return {name: version for name, _, version in pairs}
