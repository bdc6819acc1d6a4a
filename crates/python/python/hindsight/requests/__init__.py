"""Everything that routes take as a body, by its name in the API; a dictionary does as well.

Example:
    await client.memory.recall_memories("my-bank", RecallRequest(query="What does Alice do?"))
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
