"""Carrying out calls over a connection of the extension, for threads and for event loops."""

from __future__ import annotations

import atexit
from typing import TYPE_CHECKING, Any, TypeVar, cast

from . import _native
from ._calls import Call, Caller, Steps, Wait
from .exceptions import _of_answer

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")

# No thread of ours is left when the interpreter takes itself apart.
atexit.register(_native.shut_down)


class Transport(Caller):
    """Something that carries out calls over a connection."""

    _connection: _native.Connection

    def _open(self) -> _native.Connection:
        """The connection, unless it was closed."""
        if self._connection.is_closed:
            raise RuntimeError(f"Cannot use {type(self).__name__} after it has been closed")
        return self._connection

    def _call(self, call: Call[T] | Steps[T]) -> T:
        if not isinstance(call, Call):
            return self._walk(call)
        if call.answer is not None:
            return call.answer
        return _read(call, self._open().exchange(call))

    async def _acall(self, call: Call[T] | Steps[T]) -> T:
        if not isinstance(call, Call):
            return await self._awalk(call)
        if call.answer is not None:
            return call.answer
        return _read(call, await self._exchange(call))

    async def _exchange(self, call: Call[Any]) -> tuple[int, list[tuple[str, str]], bytes]:
        from asyncio import get_running_loop

        loop = get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()

        def settle(answer: object, error: BaseException | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(answer)

        def hand_over(answer: object, error: BaseException | None) -> None:
            try:
                loop.call_soon_threadsafe(settle, answer, error)
            except RuntimeError:
                # The loop was closed; nobody waits any more.
                pass

        task = self._open().submit(call, hand_over)
        try:
            return cast("tuple[int, list[tuple[str, str]], bytes]", await future)
        finally:
            task.cancel()

    def _walk(self, steps: Steps[T]) -> T:
        from time import sleep

        answer: Any = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as end:
                return cast(T, end.value)
            if isinstance(step, Wait):
                sleep(step.seconds)
                answer = None
            else:
                answer = self._call(step)

    async def _awalk(self, steps: Steps[T]) -> T:
        from asyncio import sleep

        answer: Any = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as end:
                return cast(T, end.value)
            if isinstance(step, Wait):
                await sleep(step.seconds)
                answer = None
            else:
                answer = await self._acall(step)


def _read(call: Call[T], answer: tuple[int, list[tuple[str, str]], bytes]) -> T:
    status, headers, body = answer
    if not 200 <= status < 300:
        raise _of_answer(status, headers, body)
    return call.read(body)


def plain(body: bytes) -> Any:
    """An answer as dictionaries and lists."""
    return _native.read_json(body) if body else None


def content(body: bytes) -> bytes:
    """An answer as it came."""
    return body
