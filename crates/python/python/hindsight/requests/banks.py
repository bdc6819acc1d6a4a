"""What routes about banks are asked."""

from __future__ import annotations

from typing import Any

from ..models import DispositionTraits, WebhookHttpConfig
from ._base import Request


class CreateBankRequest(Request):
    """A bank to be made, or what changes of it."""

    name: str | None = None
    disposition: DispositionTraits | None = None
    disposition_skepticism: int | None = None
    disposition_literalism: int | None = None
    disposition_empathy: int | None = None
    mission: str | None = None
    background: str | None = None
    reflect_mission: str | None = None
    retain_mission: str | None = None
    retain_extraction_mode: str | None = None
    retain_custom_instructions: str | None = None
    retain_chunk_size: int | None = None
    retain_structured_chunk_size: int | None = None
    retain_max_attachments_per_chunk: int | None = None
    enable_observations: bool | None = None
    observations_mission: str | None = None
    enable_text_search: bool | None = None
    enable_temporal_retrieval: bool | None = None
    enable_graph_retrieval: bool | None = None
    enable_reranking: bool | None = None


class BankConfigUpdate(Request):
    """Settings of a bank that change."""

    updates: dict[str, Any]


class CreateBankAliasRequest(Request):
    """Another name for a bank."""

    alias: str
    primary: bool = False


class SetBankAliasPrimaryRequest(Request):
    """Whether a name is the first one."""

    primary: bool


class PromptPreviewRequest(Request):
    """A prompt to be looked at."""

    operation: str = "retain"
    strategy: str | None = None


class ConsolidationRequest(Request):
    """What goes into observations."""

    observation_scopes: list[list[str]] | None = None


class ConsolidationScopePattern(Request):
    """Tags that belong together, as a pattern."""

    tags: list[str] | None = None
    tags_match: str | None = None


class ConsolidationStrategySpec(Request):
    """How facts of some tags go into observations."""

    scopes: list[ConsolidationScopePattern] | None = None
    observations_mission: str | None = None
    max_observations_per_scope: int | None = None
    consolidation_source_facts_max_tokens: int | None = None
    consolidation_source_facts_max_tokens_per_observation: int | None = None


class ConsolidationStrategiesPreviewRequest(Request):
    """Strategies to be tried out."""

    strategies: list[ConsolidationStrategySpec]
    sample_limit: int = 5


class LabelValue(Request):
    """A label."""

    value: str
    description: str = ""


class MapFieldInput(Request):
    """A field of a label."""

    type: str = "text"
    description: str = ""
    values: list[LabelValue] = []
    fields: dict[str, MapFieldInput] | None = None


class LabelGroupInput(Request):
    """Labels of one kind."""

    key: str
    description: str = ""
    type: str = "value"
    optional: bool = True
    tag: bool = False
    values: list[LabelValue] = []
    fields: dict[str, MapFieldInput] | None = None


class CreateWebhookRequest(Request):
    """A webhook to be made."""

    url: str
    secret: str | None = None
    event_types: list[str] = ["consolidation.completed"]
    enabled: bool = True
    http_config: WebhookHttpConfig | None = None


class UpdateWebhookRequest(Request):
    """What changes of a webhook."""

    url: str | None = None
    secret: str | None = None
    event_types: list[str] | None = None
    enabled: bool | None = None
    http_config: WebhookHttpConfig | None = None
