"""Requests as objects, for those who would rather not write dictionaries."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import _native
from .._calls import encoded
from ..models import Model


class Request(Model):
    """Something that the server is asked.

    Fields are given by their names in the API; a word of the language such as `async` is written `var_async`. What
    is not given is left to the server.

    Raises:
        TypeError: there is no field of a name, or one that is needed is missing.
    """

    _fields: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls) -> None:
        # Nothing is wrapped: what is given is sent as it is.
        cls._fields = frozenset(name.removeprefix("var_") for name in cls.__annotations__)
        cls._needed = frozenset(name.removeprefix("var_") for name in cls.__annotations__ if name not in cls.__dict__)
        cls._shape = _native.Shape(cls, sorted(cls._needed), [])

    def __init__(self, **fields: Any) -> None:
        given = {name.removeprefix("var_"): value for name, value in fields.items()}
        kind = type(self).__name__
        if unknown := given.keys() - self._fields:
            raise TypeError(f"a {kind} has no {', '.join(sorted(unknown))}: see dir({kind})")
        if missing := self._needed - given.keys():
            raise TypeError(f"a {kind} needs {', '.join(sorted(missing))}")
        super().__init__(**given)

    def to_json(self) -> str:
        """The fields as JSON."""
        return encoded(self).decode()
