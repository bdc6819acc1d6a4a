"""Names that programs take from the generated part of the official client: exceptions, answers and requests.

They are those of the package `hindsight`. The generated classes that send requests are not here.
"""

from typing import Any as _Any

from hindsight._native import VERSION as __version__

from .exceptions import *
from .models import *


def __getattr__(name: str) -> _Any:
    if name in ("ApiClient", "ApiResponse", "Configuration") or name.endswith("Api"):
        raise ImportError(
            f"{name} is only in the official client: use the routes of hindsight_client.Hindsight, such as "
            "client.memory, or install the package hindsight-client after this one"
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
