"""Mental models, directives and the knowledge base."""

from __future__ import annotations

from typing import Any

from ._base import Model
from .memories import TokenUsage


class MentalModelTrigger(Model):
    """When a mental model is made anew, and from what."""

    budget: str | None = None
    mode: str = "full"
    refresh_after_consolidation: bool = False
    refresh_cron: str | None = None
    full_refresh_cron: str | None = None
    min_refresh_interval_seconds: int | None = None
    fact_types: list[str] | None = None
    exclude_mental_models: bool = False
    exclude_mental_model_ids: list[str] | None = None
    tags_match: str | None = None
    tag_groups: list[dict[str, Any]] | None = None
    include_chunks: bool | None = None
    recall_max_tokens: int | None = None
    recall_chunks_max_tokens: int | None = None
    reflect_search_observations_max_tokens: int | None = None
    reflect_search_observations_include_entities: bool | None = None
    response_schema: dict[str, Any] | None = None
    keep_trace: bool = False


class MentalModelResponse(Model):
    """A mental model: an answer that is kept."""

    id: str
    bank_id: str
    name: str
    source_query: str | None = None
    content: str | None = None
    tags: list[str] = []
    max_tokens: int | None = None
    trigger: MentalModelTrigger | None = None
    last_refreshed_at: str | None = None
    last_memory_seen_at: str | None = None
    last_refresh_failed_at: str | None = None
    last_full_refreshed_at: str | None = None
    created_at: str | None = None
    is_knowledge_page: bool | None = None
    reflect_response: dict[str, Any] | None = None
    is_stale: bool | None = None


class MentalModelListResponse(Model):
    """A page of mental models."""

    items: list[MentalModelResponse]
    total: int
    limit: int
    offset: int


class CreateMentalModelResponse(Model):
    """A new mental model and the operation that fills it."""

    mental_model_id: str | None = None
    operation_id: str


class AsyncOperationSubmitResponse(Model):
    """An operation that was requested."""

    operation_id: str
    status: str


class MentalModelRefreshScope(Model):
    """What a refresh may look at."""

    tags: list[str] | None = None
    tags_match: str
    tag_groups: list[dict[str, Any]] | None = None
    fact_types: list[str] | None = None
    exclude_mental_models: bool
    exclude_mental_model_ids: list[str] = []


class MentalModelRefreshWindow(Model):
    """The time a refresh looks at."""

    created_after: str | None = None
    created_before: str
    watermark: str | None = None


class MentalModelFactCounts(Model):
    """Facts that a refresh found and used, by type."""

    retrieved: dict[str, int] = {}
    used: dict[str, int] = {}


class MentalModelDeltaOperations(Model):
    """Changes that a refresh made or left."""

    applied: list[dict[str, Any]] = []
    skipped: list[dict[str, Any]] = []


class MentalModelRetraction(Model):
    """What a refresh took back because its facts are gone."""

    fact_ids: list[str] = []
    fact_texts: list[str] = []
    applied: bool
    deferred_reason: str | None = None


class MentalModelTraceToolCall(Model):
    """One look into memory during a refresh."""

    tool: str
    reason: str | None = None
    input: dict[str, Any] = {}
    output: dict[str, Any] | None = None
    updated_at: str | None = None
    result_count: int | None = None
    duration_ms: int
    iteration: int = 0


class LLMCallTrace(Model):
    """One call of a language model."""

    scope: str
    duration_ms: int


class MentalModelRefreshTrace(Model):
    """How a refresh went."""

    recorded_at: str | None = None
    effective_mode: str
    mode_fallback_reason: str | None = None
    outcome: str
    tool_calls: list[MentalModelTraceToolCall] = []
    llm_calls: list[LLMCallTrace] = []
    delta_operations: MentalModelDeltaOperations | None = None
    retraction: MentalModelRetraction | None = None
    usage: TokenUsage | None = None
    duration_ms: int = 0
    warnings: list[str] = []


class MentalModelDryRunRefreshResult(Model):
    """What a refresh would change; nothing was stored."""

    mental_model_id: str
    name: str
    requested_mode: str
    effective_mode: str
    mode_fallback_reason: str | None = None
    outcome: str
    would_persist: bool
    scope: MentalModelRefreshScope
    window: MentalModelRefreshWindow
    facts: MentalModelFactCounts
    based_on: dict[str, list[dict[str, Any]]] = {}
    current_content: str
    candidate_content: str
    preview_content: str
    diff: str
    delta_operations: MentalModelDeltaOperations | None = None
    retraction: MentalModelRetraction | None = None
    trace: MentalModelRefreshTrace
    usage: TokenUsage | None = None
    duration_ms: int = 0
    warnings: list[str] = []


class DirectiveResponse(Model):
    """A rule that answers follow."""

    id: str
    bank_id: str
    name: str
    content: str
    priority: int = 0
    is_active: bool = True
    tags: list[str] = []
    created_at: str | None = None
    updated_at: str | None = None


class DirectiveListResponse(Model):
    """A page of directives, those of the highest priority first."""

    items: list[DirectiveResponse]
    total: int
    limit: int
    offset: int


class KnowledgeNode(Model):
    """A folder or page of the knowledge base."""

    id: str
    kind: str
    name: str
    parent_id: str | None = None
    mental_model_id: str | None = None
    managed: bool = False
    description: str | None = None
    tags: list[str] = []
    timestamp: str | None = None
    is_stale: bool | None = None
    last_refresh_failed_at: str | None = None
    trigger: MentalModelTrigger | None = None
    children: list[KnowledgeNode] = []


class KnowledgeTreeResponse(Model):
    """All folders and pages."""

    roots: list[KnowledgeNode]


class CreateKnowledgePageResponse(Model):
    """A new page and the operation that fills it."""

    page_id: str
    mental_model_id: str
    operation_id: str | None = None


class KnowledgePageResponse(Model):
    """A page of the knowledge base."""

    id: str
    name: str
    type: str
    description: str | None = None
    tags: list[str] = []
    timestamp: str | None = None
    body: str | None = None
    markdown: str


class KnowledgePageSearchResult(Model):
    """A page that was found."""

    id: str
    name: str
    mental_model_id: str | None = None
    source_query: str | None = None
    snippet: str
    score: float
    updated_at: str | None = None


class KnowledgePageSearchResponse(Model):
    """Pages that were found, best first."""

    results: list[KnowledgePageSearchResult]
    total: int


class KnowledgePageBundleFile(Model):
    """A file of an exported knowledge base."""

    path: str
    content: str


class KnowledgePageBundleResponse(Model):
    """A knowledge base as files."""

    files: list[KnowledgePageBundleFile]
