"""The client of a server: `Hindsight`."""

from __future__ import annotations

from types import TracebackType
from typing import TypeVar

from . import _native
from ._banks import BankMethods
from ._knowledge import KnowledgeMethods
from ._memory import MemoryMethods
from ._operations import Namespace
from ._transfer import TransferMethods

Self = TypeVar("Self", bound="Hindsight")

# Longest wait for an answer, in seconds: a retain with a language model takes its time.
TIMEOUT = 300.0
# Attempts of a recall or reflect while the server has no room.
ATTEMPTS = 3


class Hindsight(MemoryMethods, BankMethods, KnowledgeMethods, TransferMethods):
    """A client of a Hindsight server.

    Every method is there twice: `retain` waits, `aretain` is for `await`; arguments and answers are the same.
    Threads may share a client. A child process that was forked may go on with it too.

    Example:
        client = Hindsight(base_url="http://localhost:8888")
        client.retain(bank_id="my-bank", content="Alice works at Google")
        for memory in client.recall(bank_id="my-bank", query="What does Alice do?"):
            print(memory.text)

    Args:
        base_url: address of the server.
        api_key: key of the server, if it asks for one.
        timeout: longest wait for an answer, in seconds.
        user_agent: name of your program, for the log of the server.
        max_attempts: most attempts of a recall or reflect while the server has no room; nothing else is ever
            sent twice.

    Raises:
        ValueError: the address, key or name cannot be used.

    A request that is refused raises `ApiException` or one of its kinds; a server that is not there raises
    ConnectionError, one that is too slow TimeoutError.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        timeout: float = TIMEOUT,
        user_agent: str | None = None,
        max_attempts: int = ATTEMPTS,
    ) -> None:
        self._connection = _native.Connection.to_server(base_url, api_key, float(timeout), user_agent)
        self._attempts = max(1, max_attempts)

    def close(self) -> None:
        """Ends the connection; the client cannot be used any more. Closing twice does no harm."""
        self._connection.close(False)

    async def aclose(self) -> None:
        """The same as `close`, for `await`."""
        self.close()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        state = " (closed)" if self._connection.is_closed else ""
        return f"{type(self).__name__}({self._connection.shown!r}){state}"

    # Every route of the API by its name there, for `await`: `await client.operations.list_operations(bank_id)`.

    @property
    def memory(self) -> Namespace:
        """Routes about memories, for `await`."""
        return Namespace(self, "memory")

    @property
    def banks(self) -> Namespace:
        """Routes about banks, for `await`."""
        return Namespace(self, "banks")

    @property
    def documents(self) -> Namespace:
        """Routes about documents and chunks, for `await`."""
        return Namespace(self, "documents")

    @property
    def entities(self) -> Namespace:
        """Routes about entities, for `await`."""
        return Namespace(self, "entities")

    @property
    def mental_models(self) -> Namespace:
        """Routes about mental models, for `await`."""
        return Namespace(self, "mental_models")

    @property
    def knowledge_base(self) -> Namespace:
        """Routes about the knowledge base, for `await`."""
        return Namespace(self, "knowledge_base")

    @property
    def directives(self) -> Namespace:
        """Routes about directives, for `await`."""
        return Namespace(self, "directives")

    @property
    def operations(self) -> Namespace:
        """Routes about work in the background, for `await`."""
        return Namespace(self, "operations")

    @property
    def webhooks(self) -> Namespace:
        """Routes about webhooks, for `await`."""
        return Namespace(self, "webhooks")

    @property
    def files(self) -> Namespace:
        """Routes about files, for `await`."""
        return Namespace(self, "files")

    @property
    def monitoring(self) -> Namespace:
        """Health, version and metrics, for `await`."""
        return Namespace(self, "monitoring")

    @property
    def audit(self) -> Namespace:
        """Routes about the audit log, for `await`."""
        return Namespace(self, "audit")

    @property
    def document_transfer(self) -> Namespace:
        """Routes that move documents, for `await`."""
        return Namespace(self, "document_transfer")

    @property
    def bank_transfer(self) -> Namespace:
        """Routes that move banks, for `await`."""
        return Namespace(self, "bank_transfer")
