"""Memory for agents: retain texts, recall what matters, reflect on it.

- `HindsightEmbedded` is the easiest: a client whose server starts by itself.
- `HindsightClient` is a client of a server that runs.
- `HindsightServer` and `start_server` run a server inside this process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._client import Hindsight
    from ._embedded import HindsightEmbedded
    from ._facade import HindsightClient
    from ._server import HindsightServer, start_server
    from .exceptions import (
        ApiException,
        BadRequestException,
        ForbiddenException,
        NotFoundException,
        ServiceException,
        UnauthorizedException,
    )

__all__ = [
    "ApiException",
    "BadRequestException",
    "ForbiddenException",
    "Hindsight",
    "HindsightClient",
    "HindsightEmbedded",
    "HindsightServer",
    "NotFoundException",
    "ServiceException",
    "UnauthorizedException",
    "start_server",
]

# Where names come from; each is loaded when it is first used, so that programs start at once.
_HOMES = {
    "Hindsight": "_client",
    "HindsightClient": "_facade",
    "HindsightEmbedded": "_embedded",
    "HindsightServer": "_server",
    "start_server": "_server",
    **{name: "exceptions" for name in __all__ if name.endswith("Exception")},
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from ._native import VERSION

        return VERSION
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
