"""Banks: what they are, hold and are set to."""

from __future__ import annotations

from typing import Any

from ._base import Model


class DispositionTraits(Model):
    """How a bank leans when it answers, each from 1 to 5."""

    skepticism: int
    literalism: int
    empathy: int


class BankProfileResponse(Model):
    """A bank."""

    bank_id: str
    name: str
    disposition: DispositionTraits
    mission: str
    background: str | None = None


class BackgroundResponse(Model):
    """A mission after a change."""

    mission: str
    background: str | None = None
    disposition: DispositionTraits | None = None


class BankListItem(Model):
    """A bank as lists show it."""

    bank_id: str
    name: str | None = None
    disposition: DispositionTraits
    mission: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    fact_count: int = 0
    last_document_at: str | None = None
    last_write_at: str | None = None
    display_alias: str | None = None
    matched_aliases: list[str] = []


class BankListResponse(Model):
    """A page of banks, the last written first."""

    banks: list[BankListItem]
    total: int
    limit: int
    offset: int


class BankStatsResponse(Model):
    """What a bank holds, counted."""

    bank_id: str
    total_nodes: int
    total_links: int
    total_documents: int
    nodes_by_fact_type: dict[str, int]
    links_by_link_type: dict[str, int]
    links_by_fact_type: dict[str, int]
    links_breakdown: dict[str, dict[str, int]]
    pending_operations: int
    failed_operations: int
    operations_by_status: dict[str, int] = {}
    last_consolidated_at: str | None = None
    last_memory_write_at: str | None = None
    pending_consolidation: int = 0
    failed_consolidation: int = 0
    total_observations: int = 0


class BankConfigResponse(Model):
    """Settings of a bank: as they take effect, and those that are its own."""

    bank_id: str
    config: dict[str, Any]
    overrides: dict[str, Any]


class BankAliasEntry(Model):
    """Another name of a bank."""

    alias: str
    primary: bool = False


class BankAliasesResponse(Model):
    """All other names of a bank."""

    bank_id: str
    aliases: list[BankAliasEntry]


class LlmOperationHealth(Model):
    """Whether a language model answers."""

    operation: str
    ok: bool
    status: str
    latency_ms: float | None = None


class BankLlmHealthResponse(Model):
    """Whether the language models of a bank answer."""

    bank_id: str
    operations: list[LlmOperationHealth]


class DeleteResponse(Model):
    """What was deleted."""

    success: bool
    message: str | None = None
    deleted_count: int | None = None


class MemoryTimeseriesBucket(Model):
    """Memories of one stretch of time, counted."""

    time: str
    world: int = 0
    experience: int = 0
    observation: int = 0


class MemoriesTimeseriesResponse(Model):
    """Memories counted over time."""

    bank_id: str
    period: str
    trunc: str
    time_field: str = "created_at"
    buckets: list[MemoryTimeseriesBucket] = []


class BankTemplateManifest(Model):
    """A bank to be made again elsewhere: settings, mental models and directives."""

    version: str
    bank: dict[str, Any] | None = None
    mental_models: list[dict[str, Any]] | None = None
    directives: list[dict[str, Any]] | None = None


class BankTemplateImportResponse(Model):
    """What an import of a template has changed."""

    bank_id: str
    config_applied: bool
    mental_models_created: list[str] = []
    mental_models_updated: list[str] = []
    directives_created: list[str] = []
    directives_updated: list[str] = []
    operation_ids: list[str] = []
    dry_run: bool = False


class BankTransferSubmitResponse(Model):
    """The operation that moves or copies a bank."""

    operation_id: str
    status: str = "pending"


class ConsolidationResponse(Model):
    """The operation that makes observations."""

    operation_id: str
    deduplicated: bool = False


class RecoverConsolidationResponse(Model):
    """How many memories wait again to go into observations."""

    retried_count: int


class StrategyScopePreview(Model):
    """A set of tags that a rule would take."""

    tags: list[str]
    count: int
    handled_by: int | None


class StrategyRulePreview(Model):
    """What a rule of a strategy would take."""

    match_count: int
    taken_count: int
    observation_count: int
    samples: list[StrategyScopePreview]


class StrategyPreview(Model):
    """What a strategy would take."""

    active: bool
    claimed_count: int
    rules: list[StrategyRulePreview]


class DefaultScopesPreview(Model):
    """What no strategy would take."""

    match_count: int
    observation_count: int
    samples: list[StrategyScopePreview]


class ConsolidationStrategiesPreview(Model):
    """Which sets of tags would go by which strategy."""

    strategies: list[StrategyPreview]
    default: DefaultScopesPreview
    scopes_scanned: int
    complete: bool


class RunSettingModel(Model):
    """A setting that a prompt depends on."""

    field: str
    value: str | None = None
    kind: str
    editable: bool = False


class PromptBlockModel(Model):
    """A part of a prompt and where it comes from."""

    text: str
    source: str
    field: str = ""
    section: str = ""
    heading: str = ""
    active: bool = True
    value: str | None = None
    kind: str
    choices: list[str] | None = None
    editable: bool = False


class PromptMessageModel(Model):
    """A message of a prompt."""

    role: str
    blocks: list[PromptBlockModel] = []


class PromptPreviewResponse(Model):
    """A prompt as a language model would get it."""

    messages: list[PromptMessageModel] = []
    strategy: str | None = None
    strategies: list[str] = []
    run_settings: list[RunSettingModel] = []
    response_schema: dict[str, Any] | None = None
    skipped_reason: str | None = None
