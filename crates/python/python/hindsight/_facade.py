"""`HindsightClient`: the client with its methods sorted by what they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ._calls import Call
from ._client import Hindsight
from .models import (
    AsyncOperationSubmitResponse,
    BankListResponse,
    BankProfileResponse,
    CreateMentalModelResponse,
    DeleteResponse,
    DirectiveListResponse,
    DirectiveResponse,
    ListMemoryUnitsResponse,
    MentalModelListResponse,
    MentalModelResponse,
)


class _About:
    """Methods of a client about one thing."""

    def __init__(self, client: Hindsight) -> None:
        client._open()
        self._client = client

    def __repr__(self) -> str:
        methods = ", ".join(name for name in dir(self) if not name.startswith("_"))
        return f"<{type(self).__name__} of {self._client!r}: {methods}>"


class Banks(_About):
    """Banks: make, list, set, delete."""

    def create(self, bank_id: str, name: str | None = None, **fields: Any) -> BankProfileResponse:
        """Makes a bank, or changes one: see `Hindsight.create_bank`."""
        return self._client.create_bank(bank_id, name, **fields)

    def list(self, q: str | None = None, limit: int | None = None, offset: int | None = None) -> BankListResponse:
        """Lists banks, the last written first; `q` is part of the id, name or another name."""
        query = {"q": q, "limit": limit, "offset": offset}
        return self._client._call(Call(BankListResponse._read, "GET", "v1", "default", "banks", query=query))

    def delete(self, bank_id: str) -> DeleteResponse:
        """Deletes a bank with everything in it."""
        return self._client.delete_bank(bank_id)

    def set_mission(self, bank_id: str, mission: str) -> BankProfileResponse:
        """Says who a bank is when it answers, and what for."""
        return self._client.set_mission(bank_id, mission)

    def set_disposition(
        self,
        bank_id: str,
        disposition: Mapping[str, int] | None = None,
        *,
        skepticism: int | None = None,
        literalism: int | None = None,
        empathy: int | None = None,
    ) -> BankProfileResponse:
        """Says how a bank leans when it answers: a dictionary, or each by itself, from 1 to 5."""
        return self._client.create_bank(
            bank_id,
            disposition=disposition,
            disposition_skepticism=skepticism,
            disposition_literalism=literalism,
            disposition_empathy=empathy,
        )


class MentalModels(_About):
    """Mental models: make, read, refresh, change, delete."""

    def create(
        self,
        bank_id: str,
        name: str,
        source_query: str | None = None,
        tags: Sequence[str] | None = None,
        *,
        content: str | None = None,
        **fields: Any,
    ) -> CreateMentalModelResponse:
        """Makes a mental model: see `Hindsight.create_mental_model`. `content` is an older name of
        `source_query`."""
        query = _either(source_query, content)
        if query is None:
            raise TypeError("a mental model needs its question: give source_query")
        return self._client.create_mental_model(bank_id, name, query, tags, **fields)

    def list(self, bank_id: str, tags: Sequence[str] | None = None, **query: Any) -> MentalModelListResponse:
        """Lists mental models."""
        return self._client.list_mental_models(bank_id, tags, **query)

    def get(self, bank_id: str, mental_model_id: str, detail: str | None = None) -> MentalModelResponse:
        """Reads a mental model."""
        return self._client.get_mental_model(bank_id, mental_model_id, detail)

    def refresh(self, bank_id: str, mental_model_id: str, mode: str | None = None) -> AsyncOperationSubmitResponse:
        """Requests that a mental model is made anew."""
        return self._client.refresh_mental_model(bank_id, mental_model_id, mode)

    def update(
        self,
        bank_id: str,
        mental_model_id: str,
        name: str | None = None,
        source_query: str | None = None,
        *,
        content: str | None = None,
        **fields: Any,
    ) -> MentalModelResponse:
        """Changes what is given of a mental model. `content` is an older name of `source_query`."""
        query = _either(source_query, content)
        return self._client.update_mental_model(bank_id, mental_model_id, name, query, **fields)

    def delete(self, bank_id: str, mental_model_id: str) -> dict[str, Any]:
        """Deletes a mental model."""
        return self._client.delete_mental_model(bank_id, mental_model_id)


class Directives(_About):
    """Directives: make, read, change, delete."""

    def create(self, bank_id: str, name: str, content: str, **fields: Any) -> DirectiveResponse:
        """Makes a rule that answers follow: see `Hindsight.create_directive`."""
        return self._client.create_directive(bank_id, name, content, **fields)

    def list(self, bank_id: str, tags: Sequence[str] | None = None, **query: Any) -> DirectiveListResponse:
        """Lists directives."""
        return self._client.list_directives(bank_id, tags, **query)

    def get(self, bank_id: str, directive_id: str) -> DirectiveResponse:
        """Reads a directive."""
        return self._client.get_directive(bank_id, directive_id)

    def update(self, bank_id: str, directive_id: str, **fields: Any) -> DirectiveResponse:
        """Changes what is given of a directive."""
        return self._client.update_directive(bank_id, directive_id, **fields)

    def delete(self, bank_id: str, directive_id: str) -> dict[str, Any]:
        """Deletes a directive."""
        return self._client.delete_directive(bank_id, directive_id)


class Memories(_About):
    """Memories: list."""

    def list(self, bank_id: str, type: str | None = None, **query: Any) -> ListMemoryUnitsResponse:
        """Lists memories: see `Hindsight.list_memories`."""
        return self._client.list_memories(bank_id, type, **query)


class HindsightClient(Hindsight):
    """A client of a Hindsight server, with `banks`, `mental_models`, `directives` and `memories` besides the
    methods of `Hindsight`."""

    @property
    def banks(self) -> Banks:  # type: ignore[override]
        """Banks: make, list, set, delete."""
        return Banks(self)

    @property
    def mental_models(self) -> MentalModels:  # type: ignore[override]
        """Mental models: make, read, refresh, change, delete."""
        return MentalModels(self)

    @property
    def directives(self) -> Directives:  # type: ignore[override]
        """Directives: make, read, change, delete."""
        return Directives(self)

    @property
    def memories(self) -> Memories:
        """Memories: list."""
        return Memories(self)


def _either(source_query: str | None, content: str | None) -> str | None:
    return content if source_query is None else source_query
