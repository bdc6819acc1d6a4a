"""What routes about mental models, directives and the knowledge base are asked."""

from __future__ import annotations

from typing import Any

from ._base import Request
from .memories import TagGroupAndInput, TagGroupLeaf, TagGroupNotInput, TagGroupOrInput


class MentalModelTriggerInput(Request):
    """When and how a mental model is made anew."""

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
    tag_groups: list[TagGroupLeaf | TagGroupAndInput | TagGroupOrInput | TagGroupNotInput] | None = None
    include_chunks: bool | None = None
    recall_max_tokens: int | None = None
    recall_chunks_max_tokens: int | None = None
    reflect_search_observations_max_tokens: int | None = None
    reflect_search_observations_include_entities: bool | None = None
    response_schema: dict[str, Any] | None = None
    keep_trace: bool = False


class CreateMentalModelRequest(Request):
    """A mental model to be made."""

    id: str | None = None
    name: str
    source_query: str
    tags: list[str] = []
    max_tokens: int = 2048
    trigger: MentalModelTriggerInput | None = None


class UpdateMentalModelRequest(Request):
    """What changes of a mental model."""

    name: str | None = None
    source_query: str | None = None
    max_tokens: int | None = None
    tags: list[str] | None = None
    trigger: MentalModelTriggerInput | None = None


class RefreshMentalModelRequest(Request):
    """How a mental model is made anew."""

    mode: str | None = None


class CreateDirectiveRequest(Request):
    """A directive to be made."""

    name: str
    content: str
    priority: int = 0
    is_active: bool = True
    tags: list[str] = []


class UpdateDirectiveRequest(Request):
    """What changes of a directive."""

    name: str | None = None
    content: str | None = None
    priority: int | None = None
    is_active: bool | None = None
    tags: list[str] | None = None


class CreateFolderRequest(Request):
    """A folder of the knowledge base to be made."""

    name: str
    parent_id: str | None = None


class CreatePageRequest(Request):
    """A page of the knowledge base to be made."""

    name: str
    source_query: str
    parent_id: str | None = None
    tags: list[str] | None = None
    max_tokens: int | None = None
    trigger: MentalModelTriggerInput | None = None


class UpdateNodeRequest(Request):
    """What changes of a folder or page."""

    name: str | None = None
    parent_id: str | None = None
    source_query: str | None = None
    tags: list[str] | None = None
    max_tokens: int | None = None
    trigger: MentalModelTriggerInput | None = None
