"""Answers and requests by their names in the API, each also in a module of its own: `models.recall_request`."""

import re as _re
import sys as _sys
from types import ModuleType as _Module
from typing import Any as _Any

from hindsight.models import *
from hindsight.models import Model as _Model
from hindsight.requests import *
from hindsight.requests import Budget as _Budget

# Where a word of several begins.
_BEGIN = _re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class _OneOf:
    """A value of one of several types. The value itself does as well."""

    def __init__(self, actual_instance: _Any = None) -> None:
        self.actual_instance = actual_instance

    def to_dict(self) -> _Any:
        """The value itself."""
        return self.actual_instance

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.actual_instance!r})"


class Content(_OneOf):
    """A text, or its blocks."""


class Timestamp(_OneOf):
    """A time, or "unset"."""


class ObservationScopes(_OneOf):
    """How observations are kept apart: a word, or lists of tags."""


class UpdateDocumentObservationScopes(_OneOf):
    """The same for a document that changes."""


class MentalModelTriggerInputTagGroupsInner(_OneOf):
    """A condition on tags."""


def _is_one_of_ours(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, (_Model, _OneOf, _Budget)) and value not in (_Model, _OneOf)


for _name, _class in [(_name, _class) for _name, _class in globals().items() if _is_one_of_ours(_class)]:
    _short = _BEGIN.sub("_", _name).lower()
    _module = _Module(f"{__name__}.{_short}", _class.__doc__)
    setattr(_module, _name, _class)
    _sys.modules[_module.__name__] = globals()[_short] = _module
