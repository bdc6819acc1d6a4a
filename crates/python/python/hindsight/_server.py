"""`HindsightServer`: a server inside this process."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from types import TracebackType

from . import _native
from ._program import program

# Longest waits for a start and a stop, in seconds.
START = 30.0
STOP = 10.0

# A server goes on without anybody who holds it, until it is stopped or the process ends.
_RUNNING: set[HindsightServer] = set()


class HindsightServer:
    """A server inside this process, on a free port of this machine. It ends with the process.

    Example:
        with HindsightServer() as server:
            client = HindsightClient(base_url=server.url)

    Args:
        db_url: "pg0" for an embedded database, "pg0://NAME" for one of that name, or "postgresql://…".
        llm_provider: provider of a language model. What is None is as the environment says; without any, there is
            no language model: retain and recall work all the same.
        llm_api_key: key of the provider.
        llm_model: model of the provider.
        llm_base_url: address of the provider, if it is not the usual one.
        host: address to listen on.
        port: port to listen on; None for any that is free.
        mcp_enabled: whether agents may use it over MCP. There is none in this version: True is refused.
        log_level: how much is told on standard error: "debug", "info", "warning" or "error".

    Raises:
        NotImplementedError: `mcp_enabled` is True.
    """

    def __init__(
        self,
        db_url: str = "pg0",
        llm_provider: str | None = None,
        llm_api_key: str | None = None,
        llm_model: str | None = None,
        llm_base_url: str | None = None,
        host: str = "127.0.0.1",
        port: int | None = None,
        mcp_enabled: bool = False,
        log_level: str = "info",
    ) -> None:
        if mcp_enabled:
            raise NotImplementedError(
                "this version serves no MCP: leave mcp_enabled out, and give agents functions that call a client"
            )
        self._settings = {
            "HINDSIGHT_API_DATABASE_URL": db_url,
            "HINDSIGHT_API_LLM_PROVIDER": llm_provider,
            "HINDSIGHT_API_LLM_API_KEY": llm_api_key,
            "HINDSIGHT_API_LLM_MODEL": llm_model,
            "HINDSIGHT_API_LLM_BASE_URL": llm_base_url,
            "HINDSIGHT_API_HOST": "127.0.0.1" if host == "localhost" else host,
            "HINDSIGHT_API_PORT": str(port or 0),
            "HINDSIGHT_API_LOG_LEVEL": log_level,
        }
        self._server: _native.Server | None = None
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """Address of the server.

        Raises:
            RuntimeError: it does not run.
        """
        if self._server is None:
            raise RuntimeError("the server does not run: call start(), or use it in a `with` block")
        return self._server.url

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._server is not None

    def start(self, timeout: float = START) -> HindsightServer:
        """Starts the server and returns it once it serves.

        Raises:
            RuntimeError: it runs already, cannot start, or does not start within `timeout` seconds, not counting the
                time in which what it needs is fetched.
            ValueError: a setting cannot be used.
        """
        with self._lock:
            if self._server is not None:
                raise RuntimeError("Server is already running")
            settings = dict(os.environ)
            settings.update({name: value for name, value in self._settings.items() if value})
            # Its runtime for models reports to its maker otherwise.
            os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
            try:
                self._server = _native.Server.start(settings, program(), timeout)
            except TimeoutError:
                raise RuntimeError(f"Server failed to start within {timeout} seconds") from None
            _RUNNING.add(self)
        return self

    def stop(self, timeout: float = STOP) -> None:
        """Stops the server and its database. Requests under way have `timeout` seconds to end by themselves.
        Stopping twice does no harm."""
        with self._lock:
            server, self._server = self._server, None
            _RUNNING.discard(self)
        if server is not None:
            server.stop(timeout)

    def __enter__(self) -> HindsightServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"HindsightServer({repr(self._server.url) if self._server else 'stopped'})"


def start_server(
    db_url: str = "pg0",
    llm_provider: str | None = None,
    llm_api_key: str | None = None,
    llm_model: str | None = None,
    llm_base_url: str | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
    mcp_enabled: bool = False,
    log_level: str = "warning",
    timeout: float = START,
) -> HindsightServer:
    """Starts a server inside this process and returns it once it serves: see `HindsightServer`."""
    server = HindsightServer(
        db_url=db_url,
        llm_provider=llm_provider,
        llm_api_key=llm_api_key,
        llm_model=llm_model,
        llm_base_url=llm_base_url,
        host=host,
        port=port,
        mcp_enabled=mcp_enabled,
        log_level=log_level,
    )
    return server.start(timeout)


@atexit.register
def _stop_all() -> None:
    for server in list(_RUNNING):
        try:
            server.stop()
        except Exception as error:
            # The others have to end all the same.
            print(f"hindsight: {error}", file=sys.stderr)
