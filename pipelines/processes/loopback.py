"""Servers on this machine, which no proxy is asked for."""

import os
from urllib.request import getproxies_environment

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def ask_without_proxy() -> None:
    """Add this machine to `no_proxy`, which the clients of all tools and their processes read.

    Without it they would ask the proxy of the environment, which reaches its own machine instead.
    """
    if not getproxies_environment().keys() - {"no"}:
        return
    named = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    hosts = [host for host in map(str.strip, named.split(",")) if host]
    if "*" not in hosts:  # all hosts; it counts only where it stands alone
        hosts += [host for host in LOOPBACK if host not in hosts]
        os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(hosts)
