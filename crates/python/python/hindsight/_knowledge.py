"""Methods about mental models, directives and the knowledge base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ._calls import OMITTED, Call, changed, encoded, given, pair
from ._memory import bank
from ._transport import Transport, plain
from .models import (
    AsyncOperationSubmitResponse,
    CreateKnowledgePageResponse,
    CreateMentalModelResponse,
    DirectiveListResponse,
    DirectiveResponse,
    KnowledgeNode,
    KnowledgePageBundleResponse,
    KnowledgePageResponse,
    KnowledgePageSearchResponse,
    KnowledgeTreeResponse,
    MentalModelDryRunRefreshResult,
    MentalModelListResponse,
    MentalModelResponse,
)

# When a mental model is made anew, and from what; only what is given is sent.
Trigger = Mapping[str, Any]
TagGroups = Sequence[Mapping[str, Any]]


def _groups(tag_groups: TagGroups | None) -> str | None:
    """Conditions on tags as a query has them."""
    return None if tag_groups is None else encoded(tag_groups).decode()


class KnowledgeMethods(Transport):
    """Methods about mental models, directives and the knowledge base."""

    def _create_mental_model(
        self,
        bank_id: str,
        name: str,
        source_query: str,
        tags: Sequence[str] | None = None,
        max_tokens: int | None = None,
        trigger: Trigger | None = None,
        id: str | None = None,
    ) -> Call[CreateMentalModelResponse]:
        """Makes a mental model: an answer to a question that is kept, and made anew when memories change.

        Args:
            bank_id: whose memory it is; a bank that is missing is made.
            name: a name for people.
            source_query: the question.
            tags: its tags; when there are some, only memories with all of them are looked at.
            max_tokens: most tokens of the answer, 256 to 8192.
            trigger: when it is made anew and from what, for example `{"refresh_after_consolidation": True}`.
            id: its id; made up if not given.
        """
        body = given(id=id, name=name, source_query=source_query, tags=tags, max_tokens=max_tokens, trigger=trigger)
        return Call(CreateMentalModelResponse._read, "POST", *bank(bank_id, "mental-models"), json=body)

    create_mental_model, acreate_mental_model = pair(_create_mental_model)

    def _list_mental_models(
        self,
        bank_id: str,
        tags: Sequence[str] | None = None,
        tags_match: str | None = None,
        detail: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        exclude_knowledge_pages: bool | None = None,
    ) -> Call[MentalModelListResponse]:
        """Lists mental models. `detail` is "metadata", "content" or "full": how much is told of each."""
        query = {
            "tags": tags,
            "tags_match": tags_match,
            "detail": detail,
            "limit": limit,
            "offset": offset,
            "exclude_knowledge_pages": exclude_knowledge_pages,
        }
        return Call(MentalModelListResponse._read, "GET", *bank(bank_id, "mental-models"), query=query)

    list_mental_models, alist_mental_models = pair(_list_mental_models)

    def _get_mental_model(
        self, bank_id: str, mental_model_id: str, detail: str | None = None
    ) -> Call[MentalModelResponse]:
        """Reads a mental model. `detail` is "metadata", "content" or "full"."""
        path = bank(bank_id, "mental-models", mental_model_id)
        return Call(MentalModelResponse._read, "GET", *path, query={"detail": detail})

    get_mental_model, aget_mental_model = pair(_get_mental_model)

    def _update_mental_model(
        self,
        bank_id: str,
        mental_model_id: str,
        name: str | None = None,
        source_query: str | None = None,
        tags: Sequence[str] | None = None,
        max_tokens: int | None = None,
        trigger: Trigger | None = None,
    ) -> Call[MentalModelResponse]:
        """Changes what is given of a mental model, and of its trigger."""
        body = given(name=name, source_query=source_query, max_tokens=max_tokens, tags=tags, trigger=trigger)
        return Call(MentalModelResponse._read, "PATCH", *bank(bank_id, "mental-models", mental_model_id), json=body)

    update_mental_model, aupdate_mental_model = pair(_update_mental_model)

    def _delete_mental_model(self, bank_id: str, mental_model_id: str) -> Call[dict[str, Any]]:
        """Deletes a mental model."""
        return Call(plain, "DELETE", *bank(bank_id, "mental-models", mental_model_id))

    delete_mental_model, adelete_mental_model = pair(_delete_mental_model)

    def _refresh_mental_model(
        self, bank_id: str, mental_model_id: str, mode: str | None = None
    ) -> Call[AsyncOperationSubmitResponse]:
        """Requests that a mental model is made anew; the operation does it. `mode` "full" starts from nothing."""
        path = bank(bank_id, "mental-models", mental_model_id, "refresh")
        return Call(AsyncOperationSubmitResponse._read, "POST", *path, json=given(mode=mode) or None)

    refresh_mental_model, arefresh_mental_model = pair(_refresh_mental_model)

    def _clear_mental_model(self, bank_id: str, mental_model_id: str) -> Call[MentalModelResponse]:
        """Empties a mental model, so that the next refresh starts from nothing."""
        return Call(MentalModelResponse._read, "POST", *bank(bank_id, "mental-models", mental_model_id, "clear"))

    clear_mental_model, aclear_mental_model = pair(_clear_mental_model)

    def _dry_run_refresh_mental_model(self, bank_id: str, mental_model_id: str) -> Call[MentalModelDryRunRefreshResult]:
        """Tells what a refresh would change; nothing is stored."""
        path = bank(bank_id, "mental-models", mental_model_id, "dry-run-refresh")
        return Call(MentalModelDryRunRefreshResult._read, "POST", *path)

    dry_run_refresh_mental_model, adry_run_refresh_mental_model = pair(_dry_run_refresh_mental_model)

    def _get_mental_model_history(self, bank_id: str, mental_model_id: str) -> Call[list[dict[str, Any]]]:
        """Earlier contents of a mental model, the newest first."""
        return Call(plain, "GET", *bank(bank_id, "mental-models", mental_model_id, "history"))

    get_mental_model_history, aget_mental_model_history = pair(_get_mental_model_history)

    def _create_directive(
        self,
        bank_id: str,
        name: str,
        content: str,
        priority: int = 0,
        is_active: bool = True,
        tags: Sequence[str] | None = None,
    ) -> Call[DirectiveResponse]:
        """Makes a rule that answers follow.

        Args:
            bank_id: whose answers.
            name: a name for people.
            content: the rule.
            priority: those with a higher one come first.
            is_active: whether it is followed.
            tags: it is followed only by questions about these tags; by all if there are none.
        """
        body = given(name=name, content=content, priority=priority, is_active=is_active, tags=tags)
        return Call(DirectiveResponse._read, "POST", *bank(bank_id, "directives"), json=body)

    create_directive, acreate_directive = pair(_create_directive)

    def _list_directives(
        self,
        bank_id: str,
        tags: Sequence[str] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        *,
        tags_match: str | None = None,
        active_only: bool | None = None,
    ) -> Call[DirectiveListResponse]:
        """Lists directives, those of the highest priority first; only those that are followed, unless
        `active_only` is False."""
        query = {
            "tags": tags,
            "tags_match": tags_match,
            "active_only": active_only,
            "limit": limit,
            "offset": offset,
        }
        return Call(DirectiveListResponse._read, "GET", *bank(bank_id, "directives"), query=query)

    list_directives, alist_directives = pair(_list_directives)

    def _get_directive(self, bank_id: str, directive_id: str) -> Call[DirectiveResponse]:
        """Reads a directive."""
        return Call(DirectiveResponse._read, "GET", *bank(bank_id, "directives", directive_id))

    get_directive, aget_directive = pair(_get_directive)

    def _update_directive(
        self,
        bank_id: str,
        directive_id: str,
        name: str | None = None,
        content: str | None = None,
        priority: int | None = None,
        is_active: bool | None = None,
        tags: Sequence[str] | None = None,
    ) -> Call[DirectiveResponse]:
        """Changes what is given of a directive."""
        body = given(name=name, content=content, priority=priority, is_active=is_active, tags=tags)
        return Call(DirectiveResponse._read, "PATCH", *bank(bank_id, "directives", directive_id), json=body)

    update_directive, aupdate_directive = pair(_update_directive)

    def _delete_directive(self, bank_id: str, directive_id: str) -> Call[dict[str, Any]]:
        """Deletes a directive."""
        return Call(plain, "DELETE", *bank(bank_id, "directives", directive_id))

    delete_directive, adelete_directive = pair(_delete_directive)

    def _get_knowledge_base_tree(
        self,
        bank_id: str,
        tags: Sequence[str] | None = None,
        tags_match: str | None = None,
        tag_groups: TagGroups | None = None,
    ) -> Call[KnowledgeTreeResponse]:
        """Reads all folders and pages of the knowledge base, or those with the tags."""
        query = {"tags": tags, "tags_match": tags_match, "tag_groups": _groups(tag_groups)}
        return Call(KnowledgeTreeResponse._read, "GET", *bank(bank_id, "knowledge-base", "tree"), query=query)

    get_knowledge_base_tree, aget_knowledge_base_tree = pair(_get_knowledge_base_tree)

    def _create_knowledge_folder(self, bank_id: str, name: str, parent_id: str | None = None) -> Call[KnowledgeNode]:
        """Makes a folder, inside another one if `parent_id` is given."""
        path = bank(bank_id, "knowledge-base", "folders")
        return Call(KnowledgeNode._read, "POST", *path, json=given(name=name, parent_id=parent_id))

    create_knowledge_folder, acreate_knowledge_folder = pair(_create_knowledge_folder)

    def _create_knowledge_page(
        self,
        bank_id: str,
        name: str,
        source_query: str,
        parent_id: str | None = None,
        tags: Sequence[str] | None = None,
        max_tokens: int | None = None,
        trigger: Trigger | None = None,
    ) -> Call[CreateKnowledgePageResponse]:
        """Makes a page: a mental model with a place in the knowledge base."""
        body = given(
            name=name,
            source_query=source_query,
            parent_id=parent_id,
            tags=tags,
            max_tokens=max_tokens,
            trigger=trigger,
        )
        path = bank(bank_id, "knowledge-base", "pages")
        return Call(CreateKnowledgePageResponse._read, "POST", *path, json=body)

    create_knowledge_page, acreate_knowledge_page = pair(_create_knowledge_page)

    def _get_knowledge_page(self, bank_id: str, page_id: str) -> Call[KnowledgePageResponse]:
        """Reads a page with its text."""
        return Call(KnowledgePageResponse._read, "GET", *bank(bank_id, "knowledge-base", "pages", page_id))

    get_knowledge_page, aget_knowledge_page = pair(_get_knowledge_page)

    def _search_knowledge_base(
        self,
        bank_id: str,
        q: str,
        limit: int | None = None,
        tags: Sequence[str] | None = None,
        tags_match: str | None = None,
        tag_groups: TagGroups | None = None,
    ) -> Call[KnowledgePageSearchResponse]:
        """Finds pages, best first."""
        asked = {
            "q": q,
            "limit": limit,
            "tags": tags,
            "tags_match": tags_match,
            "tag_groups": _groups(tag_groups),
        }
        path = bank(bank_id, "knowledge-base", "search")
        return Call(KnowledgePageSearchResponse._read, "GET", *path, query=asked)

    search_knowledge_base, asearch_knowledge_base = pair(_search_knowledge_base)

    def _update_knowledge_node(
        self,
        bank_id: str,
        node_id: str,
        name: str | None = None,
        parent_id: str | None = OMITTED,
        source_query: str | None = None,
        tags: Sequence[str] | None = None,
        max_tokens: int | None = None,
        trigger: Trigger | None = None,
    ) -> Call[KnowledgeNode]:
        """Changes what is given of a folder or page. A `parent_id` of None moves it to the top."""
        body = given(name=name, source_query=source_query, tags=tags, max_tokens=max_tokens, trigger=trigger)
        body |= changed(parent_id=parent_id)
        path = bank(bank_id, "knowledge-base", "nodes", node_id)
        return Call(KnowledgeNode._read, "PATCH", *path, json=body)

    update_knowledge_node, aupdate_knowledge_node = pair(_update_knowledge_node)

    def _delete_knowledge_node(self, bank_id: str, node_id: str) -> Call[dict[str, Any]]:
        """Deletes a page, or a folder with everything in it."""
        return Call(plain, "DELETE", *bank(bank_id, "knowledge-base", "nodes", node_id))

    delete_knowledge_node, adelete_knowledge_node = pair(_delete_knowledge_node)

    def _export_knowledge_base(self, bank_id: str) -> Call[KnowledgePageBundleResponse]:
        """Reads the knowledge base as files of Markdown."""
        return Call(KnowledgePageBundleResponse._read, "GET", *bank(bank_id, "knowledge-base", "export"))

    export_knowledge_base, aexport_knowledge_base = pair(_export_knowledge_base)
