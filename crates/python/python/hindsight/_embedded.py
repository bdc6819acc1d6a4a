"""`HindsightEmbedded`: a client that starts its server when it is first used."""

from __future__ import annotations

from typing import TypeVar

from . import _native
from ._client import ATTEMPTS
from ._facade import HindsightClient
from ._program import program

LOG_LEVELS = ("trace", "debug", "info", "warning", "error", "critical")

Self = TypeVar("Self", bound="HindsightEmbedded")


class HindsightEmbedded(HindsightClient):
    """A client of the server of a profile. The server is a daemon that starts with the first call.

    A profile is a name for data that is kept apart: its daemon, port and database are its own. Everyone who uses
    the same profile shares the daemon, other processes and `hindsight-embed` too. It ends by itself when nobody
    has used it for a while.

    Example:
        client = HindsightEmbedded(profile="myapp")
        client.retain(bank_id="my-bank", content="Alice works at Google")

    Args:
        profile: name of the profile.
        llm_provider: "openai", "anthropic", "groq", "ollama", "gemini", "lmstudio" and others. Settings that
            are None are those of the profile, else of the environment; without any, there is no language
            model: retain and recall work all the same.
        llm_api_key: key of the provider; "" takes one away that would be inherited.
        llm_model: model of the provider.
        llm_base_url: address of the provider, if it is not the usual one.
        database_url: a PostgreSQL database instead of the profile's own embedded one.
        idle_timeout: seconds without use after which the daemon ends, 0 for never; 300 if nobody says anything.
        log_level: how much the daemon writes to its log: "debug", "info", "warning" or "error".
        ui: whether a web console is wanted beside the server. There is none in this version: True is refused.
        ui_port: see `ui`.
        ui_hostname: see `ui`.

    Settings matter to whoever starts the daemon; one that runs keeps its own, and a warning says so.

    Raises:
        ValueError: a name or setting cannot be used.
        NotImplementedError: `ui` is True.
        RuntimeError: on the first call, when the daemon does not start; on any, after `close`.
    """

    def __init__(
        self,
        profile: str | None = "default",
        llm_provider: str | None = None,
        llm_api_key: str | None = None,
        llm_model: str | None = None,
        llm_base_url: str | None = None,
        database_url: str | None = None,
        idle_timeout: int | None = None,
        log_level: str | None = None,
        ui: bool = False,
        ui_port: int | None = None,
        ui_hostname: str = "0.0.0.0",
    ) -> None:
        if ui:
            raise NotImplementedError(
                "there is no web console in this version: leave ui out, and look at memories with `hindsight-embed "
                "memory list BANK` or list_memories()"
            )
        if idle_timeout is not None and idle_timeout < 0:
            raise ValueError(f"idle_timeout is {idle_timeout}: give seconds, 0 for never")
        if log_level is not None and log_level.lower() not in LOG_LEVELS:
            raise ValueError(f"log_level is {log_level!r}: give {', '.join(LOG_LEVELS)}")
        for name, text in {
            "llm_provider": llm_provider,
            "llm_api_key": llm_api_key,
            "llm_model": llm_model,
            "llm_base_url": llm_base_url,
            "database_url": database_url,
        }.items():
            if text is not None and "\n" in text:
                raise ValueError(f"{name} has more than one line")
        settings = {
            "HINDSIGHT_API_LLM_PROVIDER": llm_provider,
            "HINDSIGHT_API_LLM_API_KEY": llm_api_key,
            "HINDSIGHT_API_LLM_MODEL": llm_model,
            "HINDSIGHT_API_LLM_BASE_URL": llm_base_url or None,
            "HINDSIGHT_API_LOG_LEVEL": log_level,
            "HINDSIGHT_EMBED_API_DATABASE_URL": None if database_url == "pg0" else database_url,
            "HINDSIGHT_EMBED_DAEMON_IDLE_TIMEOUT": None if idle_timeout is None else str(idle_timeout),
        }
        self.config = {name: value for name, value in settings.items() if value is not None}
        path, arguments = program()
        server = (path, [*arguments, "serve"])
        self._connection = _native.Connection.to_daemon(profile or "default", self.config, server)
        self.profile = self._connection.profile or "default"
        self._attempts = ATTEMPTS

    @property
    def client(self) -> HindsightClient:
        """This client, once its daemon runs."""
        self._open().url()
        return self

    @property
    def url(self) -> str:
        """Address of the daemon, which is started if need be."""
        return self._open().url()

    @property
    def is_running(self) -> bool:
        """Whether the daemon serves. This starts nothing."""
        return self._connection.is_running()

    @property
    def ui_url(self) -> str | None:
        """Address of the console: there is none."""
        return None

    def close(self, stop_daemon: bool = False) -> None:
        """Ends the use of the daemon, which ends by itself when nobody uses it for a while.

        Args:
            stop_daemon: whether to stop it now, for everyone who uses the profile.
        """
        self._connection.close(stop_daemon)

    async def aclose(self, stop_daemon: bool = False) -> None:
        """The same as `close`, for `await`."""
        from asyncio import to_thread

        await to_thread(self.close, stop_daemon)

    def __enter__(self: Self) -> Self:
        self._open().url()
        return self

    async def __aenter__(self: Self) -> Self:
        from asyncio import to_thread

        await to_thread(self._open().url)
        return self
