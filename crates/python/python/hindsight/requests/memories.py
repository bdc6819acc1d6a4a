"""What routes about memories are asked."""

from __future__ import annotations

from typing import Any

from ._base import Request
from .banks import LabelGroupInput


class EntityInput(Request):
    """An entity that a text names."""

    text: str
    type: str | None = None


class MemoryItem(Request):
    """A text to be remembered."""

    content: Any
    timestamp: str | None = None
    context: str | None = None
    metadata: dict[str, str] | None = None
    document_id: str | None = None
    entities: list[EntityInput] | None = None
    resolve_entities: bool = True
    tags: list[str] | None = None
    observation_scopes: str | list[list[str]] | None = None
    strategy: str | None = None
    update_mode: str | None = None


class RetainRequest(Request):
    """Texts to be remembered."""

    items: list[MemoryItem]
    var_async: bool = False
    document_tags: list[str] | None = None
    operation_id: str | None = None


class TextContentBlock(Request):
    """Words in a text of several blocks."""

    type: str
    text: str


class Base64AttachmentSource(Request):
    """Bytes of an attachment."""

    type: str = "base64"
    media_type: str
    data: str


class ImageContentBlock(Request):
    """An image in a text."""

    type: str
    source: Base64AttachmentSource


class FileContentBlock(Request):
    """A file in a text."""

    type: str
    source: Base64AttachmentSource
    filename: str | None = None


class DryRunExtractRequest(Request):
    """A text to be read without remembering it."""

    content: Any
    context: str = ""
    timestamp: str | None = None
    agent_name: str | None = None
    strategy: str | None = None
    retain_mission: str | None = None
    retain_extraction_mode: str | None = None
    retain_custom_instructions: str | None = None
    retain_extract_causal_links: bool | None = None
    retain_chunk_size: int | None = None
    entity_labels: list[LabelGroupInput] | None = None
    entities_allow_free_form: bool | None = None
    llm_output_language: str | None = None


class EntityIncludeOptions(Request):
    """How much of entities comes with results."""

    max_tokens: int = 500


class ChunkIncludeOptions(Request):
    """How much of the texts comes with results."""

    max_tokens: int = 8192


class SourceFactsIncludeOptions(Request):
    """How many of the facts behind observations come with results."""

    max_tokens: int = 4096
    max_tokens_per_observation: int = -1


class IncludeOptions(Request):
    """What comes with results."""

    entities: EntityIncludeOptions | None = None
    chunks: ChunkIncludeOptions | None = None
    source_facts: SourceFactsIncludeOptions | None = None


class TagGroupLeaf(Request):
    """A condition on tags."""

    tags: list[str]
    match: str = "any_strict"
    resolve: str = "exact"


class TagGroupNotInput(Request):
    """A condition on tags that does not hold."""

    var_not: TagGroupLeaf | TagGroupAndInput | TagGroupOrInput | TagGroupNotInput


class TagGroupOrInput(Request):
    """Conditions on tags, one of which holds."""

    var_or: list[TagGroupLeaf | TagGroupAndInput | TagGroupOrInput | TagGroupNotInput]


class TagGroupAndInput(Request):
    """Conditions on tags, all of which hold."""

    var_and: list[TagGroupLeaf | TagGroupAndInput | TagGroupOrInput | TagGroupNotInput]


class MinScores(Request):
    """Least scores of results."""

    semantic: float | None = None
    keyword: float | None = None
    reranker: float | None = None
    final: float | None = None


class TemporalWindow(Request):
    """A span of time."""

    start: str
    end: str


class RecallRequest(Request):
    """A query."""

    query: str
    types: list[str] | None = None
    prefer_observations: bool | None = None
    budget: str = "mid"
    max_tokens: int = 4096
    trace: bool = False
    query_timestamp: str | None = None
    include: IncludeOptions | None = None
    tags: list[str] | None = None
    tags_match: str = "any"
    tag_groups: list[TagGroupLeaf | TagGroupAndInput | TagGroupOrInput | TagGroupNotInput] | None = None
    min_scores: MinScores | None = None
    temporal_window: TemporalWindow | None = None


class ToolCallsIncludeOptions(Request):
    """What comes with tool calls."""

    output: bool = True


class ReflectIncludeOptions(Request):
    """What comes with an answer."""

    facts: Any = None
    tool_calls: ToolCallsIncludeOptions | None = None


class ReflectRequest(Request):
    """A question."""

    reflect_search_observations_max_tokens: int | None = None
    reflect_search_observations_include_entities: bool | None = None
    query: str
    budget: str = "low"
    context: str | None = None
    max_tokens: int = 4096
    include: ReflectIncludeOptions | None = None
    response_schema: dict[str, Any] | None = None
    tags: list[str] | None = None
    tags_match: str = "any"
    tag_groups: list[TagGroupLeaf | TagGroupAndInput | TagGroupOrInput | TagGroupNotInput] | None = None
    apply_all_directives: bool = False
    fact_types: list[str] | None = None
    exclude_mental_models: bool = False
    exclude_mental_model_ids: list[str] | None = None


class UpdateMemoryRequest(Request):
    """What changes of a memory."""

    text: str | None = None
    context: str | None = None
    occurred_start: str | None = None
    occurred_end: str | None = None
    mentioned_at: str | None = None
    fact_type: str | None = None
    entities: list[str] | None = None
    resolve_entities: bool = True
    state: str | None = None
    reason: str | None = None


class UpdateDocumentRequest(Request):
    """What changes of a document."""

    tags: list[str] | None = None
    observation_scopes: str | list[list[str]] | None = None
