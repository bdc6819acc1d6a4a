"""What retain, recall and reflect answer, and memories one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, overload

from ._base import Model


class TokenUsage(Model):
    """Tokens that language models have read and written."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    cached_tokens: int = 0
    thoughts_tokens: int = 0


class RetainResponse(Model):
    """What became of a retain."""

    success: bool
    bank_id: str
    items_count: int
    var_async: bool
    operation_id: str | None = None
    operation_ids: list[str] | None = None
    usage: TokenUsage | None = None


class FileRetainResponse(Model):
    """Operations that read files, in the order of the files."""

    operation_ids: list[str]


class ChunkAttachment(Model):
    """An image or file that belongs to a text."""

    id: str
    hash: str
    kind: str
    media_type: str
    byte_size: int
    filename: str | None = None
    url: str


class RecallScores(Model):
    """How a memory was ranked; None where a part had no say."""

    final: float
    reranker: float | None = None
    semantic: float | None = None
    keyword: float | None = None


class ChunkData(Model):
    """A piece of the text that a memory was made from."""

    id: str
    text: str
    chunk_index: int
    truncated: bool = False
    attachments: list[ChunkAttachment] | None = None


class RecallResult(Model):
    """A memory that was found."""

    id: str
    text: str
    type: str | None = None
    entities: list[str] | None = None
    context: str | None = None
    occurred_start: str | None = None
    occurred_end: str | None = None
    mentioned_at: str | None = None
    document_id: str | None = None
    metadata: dict[str, str] | None = None
    chunk_id: str | None = None
    tags: list[str] | None = None
    source_fact_ids: list[str] | None = None
    scores: RecallScores | None = None
    attachments: list[ChunkAttachment] | None = None

    @property
    def chunks(self) -> list[ChunkData]:
        """Pieces of text that this memory was made from, as far as they were asked for and came."""
        chunks: list[ChunkData] = self.__dict__.get("_chunks", [])
        return chunks


class EntityObservationResponse(Model):
    """A remark about an entity."""

    text: str
    mentioned_at: str | None = None


class EntityStateResponse(Model):
    """An entity that found memories name."""

    entity_id: str
    canonical_name: str
    observations: list[EntityObservationResponse]


class RecallResponse(Model):
    """What was found, best first. It can be iterated, counted and indexed like a list of its results."""

    results: list[RecallResult]
    trace: dict[str, Any] | None = None
    entities: dict[str, EntityStateResponse] | None = None
    chunks: dict[str, ChunkData] | None = None
    source_facts: dict[str, RecallResult] | None = None
    source_facts_truncated: bool | None = None

    @classmethod
    def _own(cls, data: dict[str, Any]) -> RecallResponse:
        self = super()._own(data)
        if self.chunks:
            for result in self.results:
                found = [self.chunks[id] for id in self._chunk_ids(result) if id in self.chunks]
                result.__dict__["_chunks"] = found
        return self

    def _chunk_ids(self, result: RecallResult) -> list[str]:
        """Chunks of a memory; an observation has those of the facts it was made from."""
        if result.chunk_id:
            return [result.chunk_id]
        facts = self.source_facts or {}
        sources = [facts[id].chunk_id for id in result.source_fact_ids or [] if id in facts]
        return list(dict.fromkeys(id for id in sources if id))

    def __iter__(self) -> Iterator[RecallResult]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    @overload
    def __getitem__(self, index: int) -> RecallResult: ...
    @overload
    def __getitem__(self, index: slice) -> list[RecallResult]: ...
    def __getitem__(self, index: int | slice) -> RecallResult | list[RecallResult]:
        return self.results[index]

    def __repr__(self) -> str:
        shown = "".join(f"\n  {number}. [{r.type}] {r.text}" for number, r in enumerate(self.results[:20], 1))
        rest = f"\n  … and {len(self) - 20} more" if len(self) > 20 else ""
        return f"RecallResponse of {len(self)} result{'' if len(self) == 1 else 's'}{':' if shown else ''}{shown}{rest}"

    def to_prompt_string(self) -> str:
        """What was found, as text for the prompt of a language model."""
        facts = []
        for result in self.results:
            fact: dict[str, Any] = {"text": result.text}
            for name in ("context", "occurred_start", "occurred_end", "mentioned_at"):
                if value := getattr(result, name):
                    fact[name] = value
            if chunks := result.chunks:
                fact["source_chunk"] = chunks[0].text
            facts.append(fact)
        text = f"FACTS:\n{json.dumps(facts, indent=2, ensure_ascii=False)}"
        if self.entities:
            sections = []
            for name, entity in self.entities.items():
                remarks = "".join(f"\n- {remark.text}" for remark in entity.observations)
                sections.append(f"## {name}{remarks}")
            text += "\n\nENTITIES:\n" + "\n\n".join(sections)
        return text


class ReflectFact(Model):
    """A memory that an answer rests on."""

    id: str | None = None
    text: str
    type: str | None = None
    context: str | None = None
    occurred_start: str | None = None
    occurred_end: str | None = None
    mentioned_at: str | None = None
    document_id: str | None = None
    chunk_id: str | None = None
    tags: list[str] | None = None
    metadata: dict[str, str] | None = None
    attachments: list[ChunkAttachment] | None = None


class ReflectMentalModel(Model):
    """A mental model that an answer rests on."""

    id: str
    text: str
    context: str | None = None


class ReflectDirective(Model):
    """A directive that an answer follows."""

    id: str
    name: str
    content: str


class ReflectBasedOn(Model):
    """What an answer rests on."""

    memories: list[ReflectFact] = []
    mental_models: list[ReflectMentalModel] = []
    directives: list[ReflectDirective] = []


class ReflectToolCall(Model):
    """One look into memory on the way to an answer."""

    tool: str
    input: dict[str, Any]
    output: dict[str, Any] | None = None
    duration_ms: int
    iteration: int = 0


class ReflectLLMCall(Model):
    """One call of the language model on the way to an answer."""

    scope: str
    duration_ms: int


class ReflectTrace(Model):
    """How an answer came about."""

    tool_calls: list[ReflectToolCall] = []
    llm_calls: list[ReflectLLMCall] = []


class ReflectResponse(Model):
    """An answer from memory; as a string it is the text."""

    text: str
    based_on: ReflectBasedOn | None = None
    structured_output: dict[str, Any] | None = None
    structured_output_error: str | None = None
    usage: TokenUsage | None = None
    trace: ReflectTrace | None = None

    def __str__(self) -> str:
        return self.text


class MemoryUnitListItem(Model):
    """A memory as lists show it."""

    id: str
    text: str = ""
    context: str = ""
    date: str = ""
    fact_type: str | None = None
    document_id: str | None = None
    mentioned_at: str | None = None
    occurred_start: str | None = None
    occurred_end: str | None = None
    entities: str = ""
    chunk_id: str | None = None
    proof_count: int = 1
    tags: list[str] = []
    metadata: dict[str, Any] = {}
    consolidated_at: str | None = None
    consolidation_failed_at: str | None = None
    state: str = "valid"
    invalidation_reason: str | None = None
    invalidated_at: str | None = None
    edited_at: str | None = None
    updated_at: str | None = None
    source_memory_ids: list[str] = []


class ListMemoryUnitsResponse(Model):
    """A page of memories."""

    items: list[MemoryUnitListItem]
    total: int
    limit: int
    offset: int


class ExtractedFactAttachment(Model):
    """An attachment of an extracted fact."""

    block_index: int
    type: str
    media_type: str


class ExtractedFact(Model):
    """A fact that a retain would store."""

    text: str
    fact_type: str
    occurred_start: str | None = None
    occurred_end: str | None = None
    entities: list[str] = []
    chunk_index: int | None = None
    attachments: list[ExtractedFactAttachment] = []


class ExtractionChunk(Model):
    """A piece of a text with the number of facts in it."""

    text: str
    fact_count: int


class DryRunExtractionResult(Model):
    """What a retain would make of a text; nothing was stored."""

    facts: list[ExtractedFact] = []
    chunks: list[ExtractionChunk] = []
    usage: TokenUsage | None = None


class ClearMemoryObservationsResponse(Model):
    """How many observations were dropped."""

    deleted_count: int


class ObservationScope(Model):
    """A set of tags that observations have."""

    tags: list[str]
    count: int


class ObservationScopesResponse(Model):
    """A page of sets of tags."""

    scopes: list[ObservationScope]
    total: int
    limit: int
    offset: int


class TagItem(Model):
    """A tag and how many have it."""

    tag: str
    count: int


class ListTagsResponse(Model):
    """A page of tags."""

    items: list[TagItem]
    total: int
    limit: int
    offset: int


class MemoryGraphNodeData(Model):
    """What a node of the graph of memories shows."""

    id: str
    label: str = ""
    text: str = ""
    date: str = ""
    context: str = ""
    entities: str = ""
    color: str | None = None


class MemoryGraphNode(Model):
    """A memory in the graph."""

    data: MemoryGraphNodeData


class MemoryGraphEdgeData(Model):
    """What an edge of the graph of memories shows."""

    id: str
    source: str
    target: str
    linkType: str = ""
    weight: float = 0.0
    entityName: str = ""
    color: str | None = None
    lineStyle: str | None = None


class MemoryGraphEdge(Model):
    """A link between memories in the graph."""

    data: MemoryGraphEdgeData


class MemoryGraphTableRow(Model):
    """A memory of the graph as a row."""

    id: str
    text: str = ""
    context: str = ""
    occurred_start: str | None = None
    occurred_end: str | None = None
    mentioned_at: str | None = None
    date: str | None = None
    entities: str = ""
    document_id: str | None = None
    chunk_id: str | None = None
    fact_type: str | None = None
    tags: list[str] = []
    created_at: str | None = None
    proof_count: int | None = None


class GraphDataResponse(Model):
    """Memories and their links."""

    nodes: list[MemoryGraphNode]
    edges: list[MemoryGraphEdge]
    table_rows: list[MemoryGraphTableRow]
    total_units: int
    limit: int
