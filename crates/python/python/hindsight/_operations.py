"""Every route of the API by its name there, for `await`: what `client.operations` and the like are.

They take what the path names, then the body of the request if there is one, then parameters of the query by their
names. A body is a dictionary, or anything with a `to_dict` or `model_dump`; most routes need one.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from . import models
from ._calls import Call, encoded
from ._memory import _file
from ._transport import Transport, content, plain

# Method, path, what is answered and what is sent: "json?" may be left out. `B` is the path of a bank.
_ROUTES: dict[str, dict[str, str]] = {
    "audit": {
        "list_audit_logs": "GET B/audit-logs AuditLogListResponse",
        "audit_log_stats": "GET B/audit-logs/stats AuditLogStatsResponse",
        "get_audit_log": "GET B/audit-logs/{log_id} AuditLogEntry",
        "list_llm_requests": "GET B/llm-requests LLMRequestListResponse",
        "llm_request_stats": "GET B/llm-requests/stats LLMRequestStatsResponse",
    },
    "bank_transfer": {
        "export_bank_transfer": "POST B/transfer/export BankTransferSubmitResponse",
        "import_bank_transfer": "POST B/transfer/import BankTransferSubmitResponse form",
        "clone_bank": "POST B/clone BankTransferSubmitResponse",
    },
    "banks": {
        "preview_prompt": "POST B/prompts/preview PromptPreviewResponse json",
        "list_banks": "GET v1/default/banks BankListResponse",
        "get_agent_stats": "GET B/stats BankStatsResponse",
        "test_bank_llm": "POST B/health/llm BankLlmHealthResponse",
        "get_memories_timeseries": "GET B/stats/memories-timeseries MemoriesTimeseriesResponse",
        "list_bank_aliases": "GET B/aliases BankAliasesResponse",
        "create_bank_alias": "POST B/aliases BankAliasesResponse json",
        "set_bank_alias_primary": "PATCH B/aliases/{alias} BankAliasesResponse json",
        "delete_bank_alias": "DELETE B/aliases/{alias} BankAliasesResponse",
        "create_or_update_bank": "PUT B BankProfileResponse json",
        "update_bank": "PATCH B BankProfileResponse json",
        "delete_bank": "DELETE B DeleteResponse",
        "import_bank_template": "POST B/import BankTemplateImportResponse json",
        "export_bank_template": "GET B/export BankTemplateManifest",
        "get_bank_template_schema": "GET v1/bank-template-schema -",
        "clear_observations": "DELETE B/observations DeleteResponse",
        "recover_consolidation": "POST B/consolidation/recover RecoverConsolidationResponse",
        "get_bank_config": "GET B/config BankConfigResponse",
        "update_bank_config": "PATCH B/config BankConfigResponse json",
        "reset_bank_config": "DELETE B/config BankConfigResponse",
        "trigger_consolidation": "POST B/consolidate ConsolidationResponse json?",
    },
    "directives": {
        "list_directives": "GET B/directives DirectiveListResponse",
        "create_directive": "POST B/directives DirectiveResponse json",
        "get_directive": "GET B/directives/{directive_id} DirectiveResponse",
        "update_directive": "PATCH B/directives/{directive_id} DirectiveResponse json",
        "delete_directive": "DELETE B/directives/{directive_id} -",
    },
    "document_transfer": {
        "import_documents": "POST B/document-transfer DocumentImportSubmitResponse form",
        "export_documents": "POST B/document-transfer/export DocumentExportSubmitResponse",
        "download_file": "GET v1/default/files/download/{key} bytes",
    },
    "documents": {
        "list_documents": "GET B/documents ListDocumentsResponse",
        "list_document_chunks": "GET B/documents/{document_id}/chunks ListChunksResponse",
        "get_document_history": "GET B/documents/{document_id}/history DocumentHistoryResponse",
        "reprocess_document": "POST B/documents/{document_id}/reprocess ReprocessDocumentResponse",
        "get_document": "GET B/documents/{document_id} DocumentResponse",
        "update_document": "PATCH B/documents/{document_id} UpdateDocumentResponse json",
        "delete_document": "DELETE B/documents/{document_id} DeleteDocumentResponse",
        "get_chunk": "GET v1/default/chunks/{chunk_id} ChunkResponse",
    },
    "entities": {
        "list_entities": "GET B/entities EntityListResponse",
        "get_entity_graph": "GET B/entities/graph EntityGraphResponse",
        "get_entity": "GET B/entities/{entity_id} EntityDetailResponse",
    },
    "files": {
        "file_retain": "POST B/files/retain FileRetainResponse form",
    },
    "knowledge_base": {
        "get_knowledge_base_tree": "GET B/knowledge-base/tree KnowledgeTreeResponse",
        "create_knowledge_folder": "POST B/knowledge-base/folders KnowledgeNode json",
        "create_knowledge_page": "POST B/knowledge-base/pages CreateKnowledgePageResponse json",
        "export_knowledge_base": "GET B/knowledge-base/export KnowledgePageBundleResponse",
        "search_knowledge_base": "GET B/knowledge-base/search KnowledgePageSearchResponse",
        "get_knowledge_page": "GET B/knowledge-base/pages/{page_id} KnowledgePageResponse",
        "update_knowledge_node": "PATCH B/knowledge-base/nodes/{node_id} KnowledgeNode json",
        "delete_knowledge_node": "DELETE B/knowledge-base/nodes/{node_id} -",
    },
    "memory": {
        "get_graph": "GET B/graph GraphDataResponse",
        "list_memories": "GET B/memories/list ListMemoryUnitsResponse",
        "dry_run_extract_memories": "POST B/memories/dry-run-extract DryRunExtractionResult json",
        "get_memory": "GET B/memories/{memory_id} -",
        "update_memory": "PATCH B/memories/{memory_id} - json",
        "get_observation_history": "GET B/memories/{memory_id}/history -",
        "recall_memories": "POST B/memories/recall RecallResponse json",
        "reflect": "POST B/reflect ReflectResponse json",
        "list_tags": "GET B/tags ListTagsResponse",
        "get_bank_attachment": "GET B/attachments/{attachment_id} bytes",
        "list_observation_scopes": "GET B/observations/scopes ObservationScopesResponse",
        "preview_consolidation_strategies": "POST B/consolidation-strategies/preview ConsolidationStrategiesPreview json",
        "clear_memory_observations": "DELETE B/memories/{memory_id}/observations ClearMemoryObservationsResponse",
        "retain_memories": "POST B/memories RetainResponse json",
        "clear_bank_memories": "DELETE B/memories DeleteResponse",
    },
    "mental_models": {
        "list_mental_models": "GET B/mental-models MentalModelListResponse",
        "create_mental_model": "POST B/mental-models CreateMentalModelResponse json",
        "get_mental_model": "GET B/mental-models/{mental_model_id} MentalModelResponse",
        "update_mental_model": "PATCH B/mental-models/{mental_model_id} MentalModelResponse json",
        "delete_mental_model": "DELETE B/mental-models/{mental_model_id} -",
        "get_mental_model_history": "GET B/mental-models/{mental_model_id}/history -",
        "refresh_mental_model": "POST B/mental-models/{mental_model_id}/refresh AsyncOperationSubmitResponse json?",
        "dry_run_refresh_mental_model": "POST B/mental-models/{mental_model_id}/dry-run-refresh MentalModelDryRunRefreshResult",
        "clear_mental_model": "POST B/mental-models/{mental_model_id}/clear MentalModelResponse",
    },
    "monitoring": {
        "health_endpoint_health_get": "GET health -",
        "get_readiness": "GET health/ready -",
        "get_liveness": "GET health/live LivenessResponse",
        "get_version": "GET version VersionResponse",
        "metrics_endpoint_metrics_get": "GET metrics text",
    },
    "operations": {
        "list_operations": "GET B/operations OperationsListResponse",
        "get_operation_status": "GET B/operations/{operation_id} OperationStatusResponse",
        "cancel_operation": "DELETE B/operations/{operation_id} CancelOperationResponse",
        "retry_operation": "POST B/operations/{operation_id}/retry RetryOperationResponse",
        "delete_operation": "DELETE B/operations/{operation_id}/delete DeleteOperationResponse",
    },
    "webhooks": {
        "create_webhook": "POST B/webhooks WebhookResponse json",
        "list_webhooks": "GET B/webhooks WebhookListResponse",
        "delete_webhook": "DELETE B/webhooks/{webhook_id} DeleteResponse",
        "update_webhook": "PATCH B/webhooks/{webhook_id} WebhookResponse json",
        "list_webhook_deliveries": "GET B/webhooks/{webhook_id}/deliveries WebhookDeliveryListResponse",
    },
}


# Parameters of the query, where there are any; those with a mark are needed.
_QUERIES: dict[str, str] = {
    "list_audit_logs": "action transport start_date end_date limit offset",
    "audit_log_stats": "action period",
    "list_llm_requests": "status operation scope call_type provider trace_id "
    "document_id memory_id group start_date end_date limit offset",
    "llm_request_stats": "operation call_type period",
    "export_bank_transfer": "include_data include_bank_config include_history document_id",
    "import_bank_transfer": "mode target_bank_id document_conflict include_data include_bank_config include_history",
    "clone_bank": "target_bank_id! include_data include_bank_config include_history",
    "list_banks": "q limit offset",
    "get_agent_stats": "refresh",
    "get_memories_timeseries": "period time_field",
    "import_bank_template": "dry_run",
    "list_directives": "tags tags_match active_only limit offset",
    "import_documents": "on_conflict",
    "export_documents": "document_id include_observations include_knowledge_base",
    "list_documents": "q tags tags_match time_field start_date end_date limit offset",
    "list_document_chunks": "limit offset",
    "get_document_history": "limit offset",
    "list_entities": "limit offset tags tags_match tag_groups",
    "get_entity_graph": "limit min_count tags tags_match tag_groups",
    "get_entity": "tags tags_match tag_groups",
    "get_knowledge_base_tree": "tags tags_match tag_groups",
    "search_knowledge_base": "q! limit tags tags_match tag_groups",
    "get_graph": "type limit q tags tags_match document_id chunk_id",
    "list_memories": "type q consolidation_state state document_id entity_id "
    "tags tags_match time_field start_date end_date limit offset",
    "list_tags": "q source limit offset",
    "list_observation_scopes": "limit offset",
    "clear_bank_memories": "type",
    "list_mental_models": "tags tags_match detail limit offset exclude_knowledge_pages",
    "get_mental_model": "detail",
    "list_operations": "status type limit offset exclude_parents",
    "get_operation_status": "include_payload",
    "list_webhooks": "limit offset",
    "list_webhook_deliveries": "limit cursor",
}

# What a body may be called: the generated client of the API has a name for each.
_BODIES = ("_request", "_update", "_manifest")


class Namespace:
    """Routes about one thing, each a method for `await`."""

    def __init__(self, client: Transport, name: str) -> None:
        self._client = client
        self._name = name

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        route = _ROUTES[self._name].get(name)
        if route is None:
            raise AttributeError(f"there is no route {name!r} among {self._name}: see dir()")
        method, path, answer, *sends = route.split()
        parts = path.split("/")
        if parts[0] == "B":
            parts[:1] = ["v1", "default", "banks", "{bank_id}"]
        sent = sends[0] if sends else ""
        needed = [part[1:-1] for part in parts if part.startswith("{")]
        # Forms have fields with names of their own.
        if sent == "form":
            needed += ["files", "request"] if name == "file_retain" else ["file"]
        elif sent == "json":
            needed += ["body"]
        names = [*needed, "body"] if sent == "json?" else needed
        queries = _QUERIES.get(name, "").replace("!", "").split()
        asked_for = [query[:-1] for query in _QUERIES.get(name, "").split() if query.endswith("!")]
        client = self._client

        async def request(*args: Any, **kwargs: Any) -> Any:
            if len(args) > len(names):
                raise TypeError(f"{name} takes {', '.join(names)}; give what else there is by name")
            values = dict(zip(names, args, strict=False))
            for key in list(kwargs):
                if key.startswith("_") or key == "authorization":
                    raise TypeError(f"{name} takes no {key}: keys and limits are given to the client")
                called = "body" if "body" in names and key.endswith(_BODIES) else key
                if called in queries:
                    continue
                if called not in names:
                    raise TypeError(f"{name} takes no {key}, only {', '.join([*names, *queries]) or 'nothing'}")
                if called in values:
                    raise TypeError(f"{name} has its {called} twice: {key} is the second")
                values[called] = kwargs.pop(key)
            missing = [key for key in needed if values.get(key) is None]
            missing += [key for key in asked_for if kwargs.get(key) is None]
            if missing:
                raise TypeError(f"{name} needs {', '.join(missing)}")
            filled = [str(values[part[1:-1]]) if part.startswith("{") else part for part in parts]
            form = _form(values) if sent == "form" else None
            body = values.get("body")
            return await client._acall(Call(_reader(answer), method, *filled, query=kwargs, json=body, form=form))

        request.__name__ = name
        request.__qualname__ = f"{self._name}.{name}"
        by_name = f"; by name {', '.join(queries)}" if queries else ""
        request.__doc__ = f"{method} /{'/'.join(parts)}, with {', '.join(names) or 'nothing'}{by_name}."
        return request

    def __dir__(self) -> list[str]:
        return sorted(_ROUTES[self._name])

    def __repr__(self) -> str:
        return f"<routes about {self._name.replace('_', ' ')}: {', '.join(dir(self))}>"


def _reader(answer: str) -> Callable[[bytes], Any]:
    if answer == "bytes":
        return content
    if answer == "text":
        return bytes.decode
    if answer == "-":
        return plain
    read: Callable[[bytes], Any] = getattr(models, answer)._read
    return read


def _form(values: Mapping[str, Any]) -> tuple[list[tuple[str, str]], list[Any]]:
    """Fields and files of a form."""
    if "files" in values:
        request = values["request"]
        fields = [("request", request if isinstance(request, str) else encoded(request).decode())]
        return fields, [("files", *_file(file)) for file in values["files"]]
    file = values["file"]
    file = ("archive.zip", file) if isinstance(file, (bytes, bytearray)) else file
    return [], [("file", *_file(file))]
