"""Documents, their chunks, and the entities they name."""

from __future__ import annotations

from typing import Any

from ._base import Model
from .memories import ChunkAttachment, EntityObservationResponse


class ObservationIdSample(Model):
    """Some ids and how many there are."""

    count: int = 0
    ids: list[str] = []


class DocumentListItem(Model):
    """A document as lists show it."""

    id: str
    bank_id: str = ""
    content_hash: str | None = None
    created_at: str = ""
    updated_at: str = ""
    text_length: int = 0
    memory_unit_count: int = 0
    retain_params: dict[str, Any] | None = None
    document_metadata: dict[str, Any] | None = None
    tags: list[str] = []
    matched_fields: list[str] = []


class ListDocumentsResponse(Model):
    """A page of documents, the last changed first."""

    items: list[DocumentListItem]
    total: int
    limit: int
    offset: int
    total_is_estimate: bool = False


class DocumentResponse(Model):
    """A document with its text."""

    id: str
    bank_id: str
    original_text: str | None
    content_hash: str | None
    created_at: str
    updated_at: str
    memory_unit_count: int
    nodes_by_fact_type: dict[str, int] | None = None
    tags: list[str] = []
    document_metadata: dict[str, Any] | None = None
    retain_params: dict[str, Any] | None = None
    observation_scopes: str | list[list[str]] | None = None
    attachments: list[ChunkAttachment] | None = None


class UpdateDocumentResponse(Model):
    """Whether a document was changed."""

    success: bool = True


class DeleteDocumentResponse(Model):
    """What went with a document."""

    success: bool
    message: str
    document_id: str
    memory_units_deleted: int


class ReprocessDocumentResponse(Model):
    """The operation that makes a document anew."""

    success: bool
    operation_id: str
    items_count: int


class DocumentEvent(Model):
    """Something that happened to a document."""

    document_id: str
    kind: str
    created_at: str = ""
    operation_id: str | None = None
    fact_id: str | None = None
    facts_added: int = 0
    facts_removed: int = 0
    observations_created: ObservationIdSample | None = None
    observations_updated: ObservationIdSample | None = None
    observations_removed: ObservationIdSample | None = None


class DocumentHistoryResponse(Model):
    """A page of what happened to a document, the newest first."""

    document_id: str
    total: int
    limit: int
    offset: int
    items: list[DocumentEvent]


class ChunkResponse(Model):
    """A piece of a document."""

    chunk_id: str
    document_id: str
    bank_id: str
    chunk_index: int
    chunk_text: str
    created_at: str
    attachments: list[ChunkAttachment] | None = None


class ListChunksResponse(Model):
    """A page of the pieces of a document."""

    items: list[ChunkResponse]
    total: int
    limit: int
    offset: int


class DocumentImportSubmitResponse(Model):
    """The operation that imports documents."""

    operation_id: str
    status: str = "pending"


class DocumentExportSubmitResponse(Model):
    """The operation that exports documents."""

    operation_id: str
    status: str = "pending"


class EntityListItem(Model):
    """An entity as lists show it."""

    id: str
    canonical_name: str
    mention_count: int
    first_seen: str | None = None
    last_seen: str | None = None
    metadata: dict[str, Any] | None = None


class EntityListResponse(Model):
    """A page of entities, the most mentioned first."""

    items: list[EntityListItem]
    total: int
    limit: int
    offset: int


class EntityDetailResponse(Model):
    """An entity."""

    id: str
    canonical_name: str
    mention_count: int
    first_seen: str | None = None
    last_seen: str | None = None
    metadata: dict[str, Any] | None = None
    observations: list[EntityObservationResponse]


class EntityGraphNodeData(Model):
    """What a node of the graph of entities shows."""

    id: str
    label: str = ""
    mentionCount: int = 0
    color: str | None = None


class EntityGraphNode(Model):
    """An entity in the graph."""

    data: EntityGraphNodeData


class EntityGraphEdgeData(Model):
    """What an edge of the graph of entities shows."""

    id: str
    source: str
    target: str
    linkType: str = "cooccurrence"
    weight: int = 0
    color: str | None = None
    lineStyle: str | None = None
    lastCooccurred: str | None = None


class EntityGraphEdge(Model):
    """Two entities that are named together."""

    data: EntityGraphEdgeData


class EntityGraphResponse(Model):
    """Entities and which are named together."""

    nodes: list[EntityGraphNode]
    edges: list[EntityGraphEdge]
    total_entities: int
    total_edges: int
    limit: int
