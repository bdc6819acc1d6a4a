"""Answers as objects: the JSON of the server with names and types, made as cheaply as can be.

The fields of an object are the dictionary that JSON was read into; only what is itself an object is wrapped. Which
fields those are, and which must be there, is read from the annotations once for each class. Fields that a class does
not name are kept too, so that a newer server loses nothing here.
"""

from __future__ import annotations

import json
import re
from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from .. import _native

Self = TypeVar("Self", bound="Model")

# The classes so far, by name.
_KNOWN: dict[str, type[Model]] = {}
# An annotation that is a class, a list or dictionary of one, or a dictionary of lists.
_ANNOTATION = re.compile(r"^(list|dict)?(?:\[(?:str, )?)?([A-Za-z]+)")
# Longest text that is shown of a field.
_SHOWN = 72


class Model:
    """Something that the server has answered."""

    _wrapped: ClassVar[dict[str, tuple[str, type[Model]]]] = {}
    _needed: ClassVar[frozenset[str]] = frozenset()
    _shape: ClassVar[_native.Shape]

    def __init_subclass__(cls) -> None:
        _KNOWN[cls.__name__] = cls
        wrapped = {}
        for name, annotation in cls.__annotations__.items():
            found = _ANNOTATION.match(annotation)
            if found and found[2] in _KNOWN:
                wrapped[name] = (found[1] or "", _KNOWN[found[2]])
        cls._wrapped = wrapped
        # Those without a default.
        cls._needed = frozenset(name.removeprefix("var_") for name in cls.__annotations__ if name not in cls.__dict__)
        fields = [(name, kind, None if of is cls else of._shape) for name, (kind, of) in wrapped.items()]
        cls._shape = _native.Shape(cls, sorted(cls._needed), fields)

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    @classmethod
    def from_dict(cls: type[Self], data: dict[str, Any]) -> Self:
        """An object of a dictionary with the names of the API."""
        return cls._own(deepcopy(data))

    @classmethod
    def _own(cls: type[Self], data: dict[str, Any]) -> Self:
        """Like `from_dict`, but keeps and changes `data` itself."""
        return cast(Self, cls._shape.own(data))

    @classmethod
    def _read(cls: type[Self], body: bytes) -> Self:
        """An object of JSON."""
        try:
            return cls._own(_native.read_json(body))
        except (TypeError, ValueError) as error:
            raise ValueError(f"the server sent an answer that this client cannot read: {error}") from error

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            # Words of the language that are fields: `async` is also `var_async`.
            if name.startswith("var_") and name[4:] in self.__dict__:
                return self.__dict__[name[4:]]
            raise AttributeError(f"{type(self).__name__!r} has no field {name!r}")

    def to_dict(self) -> dict[str, Any]:
        """The fields as the API has them, down to plain values."""
        return {name: _plain(value) for name, value in self.__dict__.items() if not name.startswith("_")}

    def to_json(self) -> str:
        """The fields as JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    def model_dump(self, **_options: Any) -> dict[str, Any]:
        """The same as `to_dict`, by the name that Pydantic models have for it."""
        return self.to_dict()

    def model_dump_json(self, **_options: Any) -> str:
        """The same as `to_json`, by the name that Pydantic models have for it."""
        return self.to_json()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        fields = [
            f"{name}={_short(value)}"
            for name, value in self.__dict__.items()
            if value is not None and not name.startswith("_")
        ]
        return f"{type(self).__name__}({', '.join(fields)})"

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.__annotations__})


def _plain(value: Any) -> Any:
    if isinstance(value, Model):
        return value.to_dict()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _short(value: Any) -> str:
    """A value in few characters."""
    if isinstance(value, list) and value and isinstance(value[0], Model):
        return f"[{len(value)} × {type(value[0]).__name__}]"
    if isinstance(value, dict) and len(value) > 3:
        return f"{{{len(value)} fields}}"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
