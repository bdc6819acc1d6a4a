"""Operations, webhooks, audit and what the server tells of itself."""

from __future__ import annotations

from typing import Any

from ._base import Model


class OperationProgress(Model):
    """How far an operation is."""

    stage: str
    at: str
    processed: int | None = None
    total: int | None = None
    detail: dict[str, int] | None = None


class RefreshMentalModelOperationDetails(Model):
    """How the refresh of a mental model ended."""

    operation_type: str = "refresh_mental_model"
    outcome: str
    failure_reason: str | None = None


class ChildOperationStatus(Model):
    """A part of an operation."""

    operation_id: str
    status: str
    sub_batch_index: int | None = None
    items_count: int | None = None
    error_message: str | None = None


class OperationResponse(Model):
    """An operation as lists show it."""

    id: str
    task_type: str
    operation_id: str | None = None
    operation_type: str | None = None
    items_count: int
    document_id: str | None = None
    filename: str | None = None
    mental_model_id: str | None = None
    details: RefreshMentalModelOperationDetails | None = None
    created_at: str
    updated_at: str | None = None
    status: str
    error_message: str | None
    retry_count: int | None = None
    next_retry_at: str | None = None
    progress: OperationProgress | None = None


class OperationsListResponse(Model):
    """A page of operations, the newest first."""

    bank_id: str
    total: int
    limit: int
    offset: int
    operations: list[OperationResponse]


class OperationStatusResponse(Model):
    """An operation."""

    operation_id: str
    status: str
    operation_type: str | None = None
    id: str | None = None
    task_type: str | None = None
    mental_model_id: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    completed_at: str | None = None
    error_message: str | None = None
    retry_count: int | None = None
    next_retry_at: str | None = None
    progress: OperationProgress | None = None
    result_metadata: dict[str, Any] | None = None
    details: RefreshMentalModelOperationDetails | None = None
    child_operations: list[ChildOperationStatus] | None = None
    task_payload: dict[str, Any] | None = None


class CancelOperationResponse(Model):
    """An operation that was called off."""

    success: bool
    message: str
    operation_id: str


class RetryOperationResponse(Model):
    """An operation that begins anew."""

    success: bool
    message: str
    operation_id: str


class DeleteOperationResponse(Model):
    """An operation that was forgotten."""

    success: bool
    message: str
    operation_id: str


class WebhookHttpConfig(Model):
    """How a webhook is called."""

    method: str = "POST"
    timeout_seconds: int = 30
    headers: dict[str, str] = {}
    params: dict[str, str] = {}


class WebhookResponse(Model):
    """A webhook."""

    id: str
    bank_id: str | None
    url: str
    secret: str | None = None
    event_types: list[str]
    enabled: bool
    http_config: WebhookHttpConfig | None = None
    created_at: str | None = None
    updated_at: str | None = None


class WebhookListResponse(Model):
    """A page of webhooks."""

    items: list[WebhookResponse]
    total: int
    limit: int
    offset: int


class WebhookDeliveryResponse(Model):
    """A call of a webhook."""

    id: str
    event_id: str | None = None
    webhook_id: str | None
    url: str
    event_type: str
    status: str
    attempts: int
    next_retry_at: str | None = None
    last_error: str | None = None
    last_response_status: int | None = None
    last_response_body: str | None = None
    last_attempt_at: str | None = None
    created_at: str | None = None
    updated_at: str | None = None


class WebhookDeliveryListResponse(Model):
    """A page of calls of a webhook."""

    items: list[WebhookDeliveryResponse]
    next_cursor: str | None = None


class AuditLogSummary(Model):
    """An entry of the audit log as lists show it."""

    id: str
    action: str
    transport: str
    bank_id: str | None
    started_at: str | None
    ended_at: str | None
    duration_ms: int | None = None
    metadata: dict[str, Any]


class AuditLogEntry(Model):
    """An entry of the audit log."""

    id: str
    action: str
    transport: str
    bank_id: str | None
    started_at: str | None
    ended_at: str | None
    duration_ms: int | None = None
    metadata: dict[str, Any]
    request: dict[str, Any] | None
    response: dict[str, Any] | None


class AuditLogListResponse(Model):
    """A page of the audit log."""

    bank_id: str
    total: int
    limit: int
    offset: int
    items: list[AuditLogSummary]


class AuditLogStatsBucket(Model):
    """Entries of one stretch of time, counted."""

    time: str
    actions: dict[str, int]
    total: int


class AuditLogStatsResponse(Model):
    """Entries of the audit log counted over time."""

    bank_id: str
    period: str
    trunc: str
    start: str
    buckets: list[AuditLogStatsBucket]


class LLMRequestTokenSums(Model):
    """Tokens of requests to language models."""

    input: int
    output: int
    cached: int
    thoughts: int | None = None
    total: int


class LLMRequestEntry(Model):
    """A request to a language model."""

    id: str
    bank_id: str | None
    operation: str | None
    scope: str | None
    trace_id: str | None
    span_id: str | None
    parent_span_id: str | None
    provider: str | None
    model: str | None
    status: str
    started_at: str | None
    ended_at: str | None
    duration_ms: int | None
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    thoughts_tokens: int | None
    total_tokens: int | None
    input: Any = None
    output: Any = None
    error: str | None
    llm_info: dict[str, Any]
    metadata: dict[str, Any]


class LLMRequestListResponse(Model):
    """A page of requests to language models."""

    bank_id: str
    total: int
    limit: int
    offset: int
    items: list[LLMRequestEntry]


class LLMRequestStatsBucket(Model):
    """Requests of one stretch of time, counted."""

    time: str
    statuses: dict[str, int]
    total: int
    tokens: LLMRequestTokenSums


class LLMRequestStatsResponse(Model):
    """Requests to language models counted over time."""

    bank_id: str
    period: str
    trunc: str
    start: str
    buckets: list[LLMRequestStatsBucket]


class LivenessResponse(Model):
    """Whether the server runs."""

    status: str
    version: str
    uptime_seconds: float


class FeaturesInfo(Model):
    """What the server can do."""

    observations: bool
    mcp: bool
    worker: bool
    bank_config_api: bool
    bank_llm_health: bool
    file_upload_api: bool
    document_export_api: bool
    document_import_api: bool
    audit_log: bool
    llm_trace: bool
    store_document_text: bool


class VersionResponse(Model):
    """Version and features of the server."""

    api_version: str
    features: FeaturesInfo
