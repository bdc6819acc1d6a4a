"""Methods about memories: retain, recall, reflect, list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from ._calls import Call, encoded, given, pair
from ._transport import Transport
from .models import (
    FileRetainResponse,
    ListMemoryUnitsResponse,
    RecallResponse,
    ReflectResponse,
    RetainResponse,
)

# Clients whose retains are suspended, for the thread or task that has asked for it.
_SUSPENDED: ContextVar[tuple[MemoryMethods, ...]] = ContextVar("suspended", default=())

# A file to be remembered: its path, its name and content, or something that is open.
File = Any


def bank(bank_id: str, *rest: str) -> tuple[str, ...]:
    """Path of a bank, or of something below it."""
    return ("v1", "default", "banks", bank_id, *rest)


class MemoryMethods(Transport):
    """Methods about memories."""

    _attempts: int = 1

    def _retain(
        self,
        bank_id: str,
        content: str | Sequence[Mapping[str, Any]],
        timestamp: datetime | str | None = None,
        context: str | None = None,
        document_id: str | None = None,
        metadata: Mapping[str, str] | None = None,
        entities: Sequence[Mapping[str, str]] | None = None,
        resolve_entities: bool | None = None,
        tags: Sequence[str] | None = None,
        update_mode: str | None = None,
        retain_async: bool = False,
        operation_id: str | None = None,
        observation_scopes: str | Sequence[Sequence[str]] | None = None,
        strategy: str | None = None,
    ) -> Call[RetainResponse]:
        """Remembers a text: facts, entities and times are taken from it. A bank that is missing is made.

        Args:
            bank_id: where it is remembered.
            content: the text, or blocks of texts, images and files.
            timestamp: when it was said; now if not given, "unset" for a text without a date.
            context: what it is about, to help with reading it.
            document_id: document it belongs to; another text of the same document replaces it.
            metadata: what to keep with every memory, as text.
            entities: entities it names, as `{"text": ..., "type": ...}`, besides those that are found in it.
            resolve_entities: whether `entities` may be others of a similar name that are known already.
            tags: tags of the memories.
            update_mode: "replace" or "append", for a document that is there already.
            retain_async: whether to return once it is safely stored and read it in the background.
            operation_id: a UUID of yours; with `retain_async`, the same one is never carried out twice.
            observation_scopes: how observations are kept apart: "combined", "per_tag", "all_combinations",
                "shared", or lists of tags.
            strategy: a way of retaining by its name in the settings of the bank.
        """
        if not isinstance(content, (str, Sequence)) or isinstance(content, (bytes, bytearray)):
            raise TypeError(f"content is text or a list of blocks, not a {type(content).__name__}")
        item = given(
            content=content,
            timestamp=timestamp,
            context=context,
            document_id=document_id,
            metadata=metadata,
            entities=entities,
            resolve_entities=resolve_entities,
            tags=tags,
            update_mode=update_mode,
            observation_scopes=observation_scopes,
            strategy=strategy,
        )
        return self._retain_items(bank_id, [item], retain_async, operation_id)

    retain, aretain = pair(_retain)

    def _retain_batch(
        self,
        bank_id: str,
        items: Iterable[Mapping[str, Any]],
        document_id: str | None = None,
        document_tags: Sequence[str] | None = None,
        retain_async: bool = False,
        operation_id: str | None = None,
    ) -> Call[RetainResponse]:
        """Remembers several texts at once.

        Args:
            bank_id: where they are remembered.
            items: the texts, each a dictionary with `content` and what else `retain` takes.
            document_id: document of those that name none.
            document_tags: tags for all of them.
            retain_async: whether to return once they are safely stored and read them in the background.
            operation_id: a UUID of yours; with `retain_async`, the same one is never carried out twice.
        """
        own = given(document_id=document_id)
        bodies = [{**own, **given(**item)} for item in items]
        return self._retain_items(bank_id, bodies, retain_async, operation_id, document_tags)

    retain_batch, aretain_batch = pair(_retain_batch)

    def _retain_items(
        self,
        bank_id: str,
        items: list[dict[str, Any]],
        retain_async: bool,
        operation_id: str | None,
        document_tags: Sequence[str] | None = None,
    ) -> Call[RetainResponse]:
        body: dict[str, Any] = {"items": items, "async": retain_async}
        if document_tags is not None:
            body["document_tags"] = document_tags
        if operation_id is not None and retain_async:
            body["operation_id"] = operation_id
        elif operation_id is not None:
            import warnings

            warnings.warn("operation_id has no effect without retain_async=True", stacklevel=5)
        call = Call(RetainResponse._read, "POST", *bank(bank_id, "memories"), json=body)
        if self._is_suspended():
            fields = {"success": True, "bank_id": bank_id, "items_count": 0, "async": retain_async}
            call.answer = RetainResponse.from_dict(fields)
        return call

    @contextmanager
    def suspend_retains(self) -> Iterator[None]:
        """Inside this `with` block the client remembers nothing: every retain says at once that it did well.

        Other threads and tasks that use the client are not affected, nor are routes such as `client.memory`.
        """
        token = _SUSPENDED.set((*_SUSPENDED.get(), self))
        try:
            yield
        finally:
            _SUSPENDED.reset(token)

    def _is_suspended(self) -> bool:
        return any(client is self for client in _SUSPENDED.get())

    def _retain_files(
        self,
        bank_id: str,
        files: Iterable[File],
        context: str | None = None,
        files_metadata: Sequence[Mapping[str, Any]] | None = None,
    ) -> Call[FileRetainResponse]:
        """Remembers files: documents, slides, tables, web pages. They are read in the background.

        Args:
            bank_id: where they are remembered.
            files: paths, pairs of a name and bytes, or files that are open for reading bytes.
            context: what they are about.
            files_metadata: for each file what `retain` takes besides the text, as dictionaries.
        """
        if self._is_suspended():
            call = Call(FileRetainResponse._read, "POST", *bank(bank_id, "files", "retain"))
            call.answer = FileRetainResponse.from_dict({"operation_ids": []})
            return call
        parts = [("files", *_file(file)) for file in files]
        metadata = [dict(fields) for fields in files_metadata or [{} for _ in parts]]
        if context is not None:
            metadata = [{"context": context, **fields} for fields in metadata]
        request = encoded({"files_metadata": metadata}).decode()
        return Call(
            FileRetainResponse._read,
            "POST",
            *bank(bank_id, "files", "retain"),
            form=([("request", request)], parts),
        )

    retain_files, aretain_files = pair(_retain_files)

    def _recall(
        self,
        bank_id: str,
        query: str,
        types: Sequence[str] | None = None,
        max_tokens: int = 4096,
        budget: str = "mid",
        trace: bool = False,
        query_timestamp: datetime | str | None = None,
        include_entities: bool = False,
        max_entity_tokens: int = 500,
        include_chunks: bool = False,
        max_chunk_tokens: int = 8192,
        include_source_facts: bool = False,
        max_source_facts_tokens: int = 4096,
        tags: Sequence[str] | None = None,
        tags_match: str = "any",
        tag_groups: Sequence[Mapping[str, Any]] | None = None,
        prefer_observations: bool | None = None,
        min_scores: Mapping[str, float] | None = None,
        temporal_window: Mapping[str, Any] | None = None,
    ) -> Call[RecallResponse]:
        """Finds what matters for a query, as much as fits into a number of tokens.

        Args:
            bank_id: where to look.
            query: what to look for, in any words.
            types: only memories of these types: "world", "experience", "observation".
            max_tokens: most tokens of all results together.
            budget: how widely to look: "low", "mid" or "high".
            trace: whether to tell how the results came about.
            query_timestamp: what "yesterday" in the query is the day before; now if not given.
            include_entities: whether to tell of the entities that results name.
            max_entity_tokens: tokens for those.
            include_chunks: whether to bring the texts that results were made from, see `RecallResult.chunks`.
            max_chunk_tokens: most tokens of those.
            include_source_facts: whether to bring the facts that observations were made from.
            max_source_facts_tokens: most tokens of those.
            tags: only memories with these tags, as `tags_match` says.
            tags_match: "any", "all", "any_strict", "all_strict" or "exact"; the first two also take memories without
                tags.
            tag_groups: conditions on tags, joined with "and", "or" and "not"; instead of `tags`.
            prefer_observations: whether to leave out facts that an observation among the results was made from.
            min_scores: least scores by name: "semantic", "keyword", "reranker", "final".
            temporal_window: the time that is asked for, as `{"start": ..., "end": ...}`; instead of what the query
                says.
        """
        include = {
            "entities": {"max_tokens": max_entity_tokens} if include_entities else None,
            "chunks": {"max_tokens": max_chunk_tokens} if include_chunks else None,
            "source_facts": {"max_tokens": max_source_facts_tokens} if include_source_facts else None,
        }
        body = given(
            query=query,
            types=types,
            max_tokens=max_tokens,
            budget=budget,
            trace=trace,
            query_timestamp=query_timestamp,
            include=include,
            tags=tags,
            tags_match=tags_match,
            tag_groups=tag_groups,
            prefer_observations=prefer_observations,
            min_scores=min_scores,
            temporal_window=temporal_window,
        )
        return Call(
            RecallResponse._read,
            "POST",
            *bank(bank_id, "memories", "recall"),
            json=body,
            reads=True,
            attempts=self._attempts,
        )

    recall, arecall = pair(_recall)

    def _reflect(
        self,
        bank_id: str,
        query: str,
        budget: str = "low",
        context: str | None = None,
        max_tokens: int | None = None,
        response_schema: Mapping[str, Any] | None = None,
        tags: Sequence[str] | None = None,
        tags_match: str | None = None,
        include_facts: bool = False,
        include_tool_calls: bool = False,
        include_tool_call_output: bool = True,
        tag_groups: Sequence[Mapping[str, Any]] | None = None,
        apply_all_directives: bool = False,
        fact_types: Sequence[str] | None = None,
        exclude_mental_models: bool = False,
        exclude_mental_model_ids: Sequence[str] | None = None,
        reflect_search_observations_max_tokens: int | None = None,
        reflect_search_observations_include_entities: bool | None = None,
    ) -> Call[ReflectResponse]:
        """Answers a question from memory, in the way of the bank. The server needs a language model for it.

        Args:
            bank_id: whose memory it is.
            query: the question.
            budget: how thoroughly to look: "low", "mid" or "high".
            context: what the question is asked for.
            max_tokens: most tokens of the answer.
            response_schema: a JSON schema; the answer also comes in that form, as `structured_output`.
            tags: only memories, mental models and directives with these tags, as `tags_match` says.
            tags_match: "any", "all", "any_strict", "all_strict" or "exact".
            include_facts: whether to tell what the answer rests on.
            include_tool_calls: whether to tell how the answer came about.
            include_tool_call_output: whether that brings all that was found on the way.
            tag_groups: conditions on tags, joined with "and", "or" and "not"; instead of `tags`.
            apply_all_directives: whether directives of other tags are followed too.
            fact_types: only memories of these types.
            exclude_mental_models: whether mental models are left out.
            exclude_mental_model_ids: mental models that are left out.
            reflect_search_observations_max_tokens: most tokens of observations for one look.
            reflect_search_observations_include_entities: whether observations come with their entities.
        """
        include: dict[str, Any] = {}
        if include_facts:
            include["facts"] = {}
        if include_tool_calls:
            include["tool_calls"] = {"output": include_tool_call_output}
        body = given(
            query=query,
            budget=budget,
            context=context,
            max_tokens=max_tokens,
            include=include or None,
            response_schema=response_schema,
            tags=tags,
            tags_match=tags_match,
            tag_groups=tag_groups,
            apply_all_directives=apply_all_directives or None,
            fact_types=fact_types,
            exclude_mental_models=exclude_mental_models or None,
            exclude_mental_model_ids=exclude_mental_model_ids,
            reflect_search_observations_max_tokens=reflect_search_observations_max_tokens,
            reflect_search_observations_include_entities=reflect_search_observations_include_entities,
        )
        return Call(
            ReflectResponse._read,
            "POST",
            *bank(bank_id, "reflect"),
            json=body,
            reads=True,
            attempts=self._attempts,
        )

    reflect, areflect = pair(_reflect)

    def _list_memories(
        self,
        bank_id: str,
        type: str | None = None,
        search_query: str | None = None,
        entity_id: str | None = None,
        time_field: str | None = None,
        start_date: datetime | str | None = None,
        end_date: datetime | str | None = None,
        limit: int = 100,
        offset: int = 0,
        tags: Sequence[str] | None = None,
        tags_match: str | None = None,
        document_id: str | None = None,
        state: str | None = None,
        consolidation_state: str | None = None,
    ) -> Call[ListMemoryUnitsResponse]:
        """Lists memories, the last mentioned first.

        Args:
            bank_id: whose memories.
            type: only this type: "world", "experience" or "observation".
            search_query: part of the text or context.
            entity_id: only memories that name this entity.
            time_field: the time that `start_date` and `end_date` are about, and the order.
            start_date: only from this time on.
            end_date: only before this time.
            limit: most that are listed.
            offset: how many are left out at the begin.
            tags: only memories with these tags, as `tags_match` says.
            tags_match: "any", "all", "any_strict", "all_strict" or "exact".
            document_id: only memories of this document.
            state: "valid" or "invalidated".
            consolidation_state: "pending", "done" or "failed": whether they have gone into observations.
        """
        query = {
            "type": type,
            "q": search_query,
            "entity_id": entity_id,
            "time_field": time_field,
            "start_date": start_date,
            "end_date": end_date,
            "limit": limit,
            "offset": offset,
            "tags": tags,
            "tags_match": tags_match,
            "document_id": document_id,
            "state": state,
            "consolidation_state": consolidation_state,
        }
        return Call(ListMemoryUnitsResponse._read, "GET", *bank(bank_id, "memories", "list"), query=query)

    list_memories, alist_memories = pair(_list_memories)


def _file(file: File) -> tuple[str, bytes]:
    """Name and content of a file."""
    from os import PathLike, path

    if isinstance(file, (str, PathLike)):
        with open(file, "rb") as opened:
            return path.basename(path.abspath(file)), opened.read()
    if isinstance(file, tuple):
        name, content = file
        return str(name), bytes(content)
    return path.basename(str(getattr(file, "name", "file"))), file.read()
