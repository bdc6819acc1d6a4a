"""Everything that routes take as a body, by its name in the API: `client.memory.recall_memories("b", RecallRequest(query="q"))`.

A dictionary does as well.
"""

from enum import Enum as _Enum

from .banks import *
from .knowledge import *
from .memories import *


class Budget(str, _Enum):
    """How widely to look; the word does as well."""

    LOW = "low"
    MID = "mid"
    HIGH = "high"
