"""The programs of the package, and how it starts itself as a server."""

from __future__ import annotations

import os
import sys


def hindsight() -> int:
    """`hindsight`: server and command line."""
    return _run("hindsight")


def hindsight_embed() -> int:
    """`hindsight-embed`: profiles, their daemons, and memory commands that start them."""
    return _run("hindsight-embed")


def program() -> tuple[str, list[str]]:
    """An executable and what comes before a command: this very copy of the package, so that versions never mix.

    Raises:
        RuntimeError: Python does not say where it is, and there is no program `hindsight` either.
    """
    entry = os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py")
    # A program that was packed with its own Python runs nothing but itself.
    if sys.executable and not getattr(sys, "frozen", False) and os.path.exists(entry):
        # It needs none of what `site` sets up.
        return sys.executable, ["-S", entry]
    from shutil import which

    found = which("hindsight")
    if found is None:
        raise RuntimeError("there is no Python to start a server with: put `hindsight` on the PATH")
    return found, []


def _run(name: str) -> int:
    import signal

    from . import _native

    # The command line ends at once, like any program; a server hears the signal by itself.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _native.main([name, *sys.argv[1:]], program())
