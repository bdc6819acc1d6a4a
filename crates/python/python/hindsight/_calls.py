"""Requests as values, and methods that make them: each once for those who wait and once for `await`.

A builder is a method that returns what is to be asked: a `Call`, or a generator that yields one call after the other
and gets the answers (`Steps`). `pair` makes two methods of it, so that both styles are always the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")

# A value that is left out, where None means something else.
OMITTED: Any = type("Omitted", (), {"__repr__": lambda _: "<left out>"})()

_READS = ("GET", "HEAD")


class Call(Generic[T]):
    """A request and how its answer is read."""

    __slots__ = ("answer", "attempts", "body", "form", "method", "path", "query", "read", "reads")

    def __init__(
        self,
        read: Callable[[Any], T],
        method: str,
        *path: str,
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        form: tuple[list[tuple[str, str]], list[tuple[str, str, bytes]]] | None = None,
        reads: bool | None = None,
        attempts: int = 1,
    ) -> None:
        self.read = read
        self.method = method
        self.path = path
        self.query = _pairs(query) if query else []
        self.body = None if json is None else encoded(json)
        self.form = form
        self.reads = method in _READS if reads is None else reads
        self.attempts = attempts
        # Given when nothing has to be asked.
        self.answer: T | None = None


class Wait:
    """A pause between two calls, in seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


# Calls one after the other, and what they come to.
Steps = Generator["Call[Any] | Wait", Any, T]


class Caller:
    """Something that carries out calls."""

    def _call(self, call: Call[T] | Steps[T]) -> T:
        raise NotImplementedError

    async def _acall(self, call: Call[T] | Steps[T]) -> T:
        raise NotImplementedError


C = TypeVar("C", bound=Caller)


def pair(
    build: Callable[Concatenate[C, P], Call[T] | Steps[T]],
) -> tuple[Callable[Concatenate[C, P], T], Callable[Concatenate[C, P], Coroutine[Any, Any, T]]]:
    """The two methods that a builder `_name` stands for: `name` and `aname`."""

    @wraps(build)
    def blocking(self: C, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._call(build(self, *args, **kwargs))

    both = _named(blocking, build, ""), awaitable(build, "a")
    _unhidden(build)
    return both


def awaitable(
    build: Callable[Concatenate[C, P], Call[T] | Steps[T]], prefix: str = ""
) -> Callable[Concatenate[C, P], Coroutine[Any, Any, T]]:
    """The method for `await` alone."""

    @wraps(build)
    async def method(self: C, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._acall(build(self, *args, **kwargs))

    return _named(method, build, prefix)


F = TypeVar("F", bound=Callable[..., Any])


def _named(method: F, build: Callable[..., Any], prefix: str) -> F:
    name = build.__name__.lstrip("_")
    method.__qualname__ = f"{build.__qualname__.rpartition('.')[0]}.{prefix}{name}"
    method.__name__ = prefix + name
    # For `help`, which asks the builder: what is returned is the answer, not the call.
    returns = build.__annotations__["return"]
    if returns.startswith(("Call[", "Steps[")):
        build.__annotations__["return"] = returns.partition("[")[2][:-1]
    return method


def _unhidden(build: Callable[..., Any]) -> None:
    """For messages about arguments, which have the name of the builder."""
    home, _, name = build.__qualname__.rpartition(".")
    build.__qualname__ = f"{home}.{name.lstrip('_')}"


def _pairs(query: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Query parameters without those that are None; a list becomes several."""
    pairs = []
    for name, value in query.items():
        if value is None:
            continue
        for item in value if isinstance(value, (list, tuple, set, frozenset)) else (value,):
            pairs.append((name, text_of(item)))
    return pairs


def text_of(value: Any) -> str:
    """A value as text for a query."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(getattr(value, "value", value))
    plain = _plain(value)
    return plain if isinstance(plain, str) else json.dumps(plain, default=_plain)


def encoded(value: Any) -> bytes:
    """A value as JSON. Times are written in the way of ISO 8601, with an offset only if they have one."""
    return json.dumps(value, default=_plain, allow_nan=False).encode()


def _plain(value: Any) -> Any:
    """What JSON has no form for by itself."""
    for name in ("isoformat", "to_dict", "model_dump"):
        if (method := getattr(value, name, None)) is not None:
            return method()
    if isinstance(value, (set, frozenset, Sequence)) and not isinstance(value, (bytes, bytearray, memoryview)):
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "value"):
        # An enumeration.
        return value.value
    if type(value).__name__ in ("UUID", "Path", "PosixPath"):
        return str(value)
    raise TypeError(f"a {type(value).__name__} cannot be sent: give text, numbers, lists, dictionaries or times")


def given(**fields: Any) -> dict[str, Any]:
    """Fields without those that are None."""
    return {name: value for name, value in fields.items() if value is not None}


def changed(**fields: Any) -> dict[str, Any]:
    """Fields without those that are left out; None is a value."""
    return {name: value for name, value in fields.items() if value is not OMITTED}
