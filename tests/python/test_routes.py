"""Every route by its name: what it takes, what it sends, what it refuses."""

import asyncio
import json
import re

import pytest
from hindsight import models
from hindsight_client import Hindsight
from hindsight_client.exceptions import ApiException, NotFoundException

from test_contract import CONTRACT, RETIRED

SENT = {
    operation["operationId"]: (path, operation["requestBody"])
    for path, methods in CONTRACT["paths"].items()
    for operation in methods.values()
    if "requestBody" in operation and operation["operationId"] not in RETIRED
}
JSON = {name: (path, body) for name, (path, body) in SENT.items() if "application/json" in body["content"]}
OPTIONAL = {"refresh_mental_model", "trigger_consolidation"}


def route_of(client, name):
    spaces = ("audit", "bank_transfer", "banks", "directives", "document_transfer", "documents", "entities", "files")
    spaces += ("knowledge_base", "memory", "mental_models", "monitoring", "operations", "webhooks")
    return next(getattr(getattr(client, space), name) for space in spaces if name in dir(getattr(client, space)))


def ask(answers, route, *arguments, **named):
    """The one request that comes of a call."""
    answers.status = 404
    with pytest.raises(NotFoundException):
        asyncio.run(route(*arguments, **named))
    (request,) = answers.requests
    answers.requests.clear()
    return request


def ids(path):
    return ["x"] * len(re.findall("{", path))


@pytest.mark.parametrize("name", sorted(JSON))
def test_bodies_are_needed_as_the_contract_says(client, answers, name):
    path, body = JSON[name]
    route = route_of(client, name)
    assert bool(body.get("required")) == (name not in OPTIONAL), "the contract has changed"
    if name in OPTIONAL:
        for given in ((), (None,)):
            _, _, headers, sent = ask(answers, route, *ids(path), *given)
            assert sent == b"" and "json" not in headers.get("Content-Type", "")
    else:
        for given in ((), (None,)):
            with pytest.raises(TypeError, match=f"{name} needs body"):
                asyncio.run(route(*ids(path), *given))
        assert answers.requests == []
    assert ask(answers, route, *ids(path), {})[3] == b"{}"


def test_a_body_may_have_the_name_of_its_type(client, answers):
    for name, argument in {
        "recall_memories": "recall_request",
        "update_bank_config": "bank_config_update",
        "import_bank_template": "bank_template_manifest",
        "refresh_mental_model": "refresh_mental_model_request",
        "create_directive": "body",
    }.items():
        sent = ask(answers, route_of(client, name), *ids(JSON[name][0]), **{argument: {"a": 1}})[3]
        assert json.loads(sent) == {"a": 1}


def test_the_server_does_without_what_may_be_left_out(plain_server):
    """It looks at the request, and says that there is no language model or no such mental model."""
    with Hindsight(base_url=plain_server) as client:
        client.create_bank(bank_id="routes")
        for call in (
            client.mental_models.refresh_mental_model("routes", "none"),
            client.banks.trigger_consolidation("routes"),
        ):
            try:
                asyncio.run(call)
            except ApiException as error:
                assert error.status in (400, 404), error


def test_lists_of_banks_are_read(plain_server):
    """Answers whose names begin as the path of a bank is written."""
    with Hindsight(base_url=plain_server) as client:
        client.create_bank(bank_id="listed")
        listed = asyncio.run(client.banks.list_banks(q="listed"))
        assert [bank.bank_id for bank in listed.banks] == ["listed"]
        assert asyncio.run(client.banks.get_agent_stats("listed")).bank_id == "listed"


def test_forms(client, answers, tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("Alice works at Google", encoding="utf-8")
    fields = {"files_metadata": [{"context": "work"}]}
    for request in (json.dumps(fields), fields):
        sent = ask(answers, client.files.file_retain, "b", [file], request)[3].decode()
        assert "Alice works at Google" in sent and 'filename="notes.txt"' in sent
        assert json.loads(re.search(r"{.*}", sent)[0]) == fields
    assert b"archive of a bank" in ask(answers, client.bank_transfer.import_bank_transfer, "b", b"archive of a bank")[3]
    for call in (
        lambda: client.files.file_retain("b", [file]),
        lambda: client.files.file_retain("b", request="{}"),
        lambda: client.document_transfer.import_documents("b"),
    ):
        with pytest.raises(TypeError, match="needs (files|request|file)$"):
            asyncio.run(call())
    assert answers.requests == []


REFUSED = {
    "a limit of one request": (lambda c: c.banks.list_banks(_request_timeout=3), "_request_timeout"),
    "headers of one request": (lambda c: c.banks.list_banks(_headers={"X-A": "b"}), "_headers"),
    "another key": (lambda c: c.banks.list_banks(authorization="Bearer k"), "authorization"),
    "too much": (lambda c: c.banks.delete_bank("b", "c"), "bank_id"),
    "too little": (lambda c: c.memory.get_memory("b"), "memory_id"),
    "an id that is None": (lambda c: c.memory.get_memory("b", None), "memory_id"),
    "a slip of the pen": (lambda c: c.operations.list_operations("b", stauts="failed"), "no stauts, only.*status"),
    "a query without what is looked for": (lambda c: c.knowledge_base.search_knowledge_base("b"), "needs q"),
    "two ids for one": (lambda c: c.banks.delete_bank("b", bank_id="c"), "bank_id"),
    "two bodies": (lambda c: c.memory.reflect("b", {"query": "q"}, reflect_request={"query": "q"}), "reflect_request"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_no_route_takes(client, answers, what):
    call, named = REFUSED[what]
    with pytest.raises(TypeError, match=named):
        asyncio.run(call(client))
    assert answers.requests == []


def test_a_route_that_there_is_not(client):
    with pytest.raises(AttributeError, match="list_bank.*banks"):
        client.banks.list_bank
    assert "list_banks" in dir(client.banks) and "list_banks" in repr(client.banks)


def test_queries_have_names(client, answers):
    path = ask(answers, client.operations.list_operations, "b", status="failed", limit=3, offset=None)[1]
    assert path == "/v1/default/banks/b/operations?status=failed&limit=3"
    assert "exclude_parents" in client.operations.list_operations.__doc__


class Generated:
    """A request as generated classes have it: fields by the names of the API from `to_dict` alone."""

    def to_dict(self):
        return {"items": [{"content": "A text"}], "async": True}

    def model_dump(self):
        return {"items": [{"content": "A text"}], "var_async": True}


class Dumped:
    def model_dump(self):
        return {"query": "q"}


def test_bodies_are_sent_by_the_names_of_the_api(client, answers):
    assert json.loads(ask(answers, client.memory.retain_memories, "b", Generated())[3])["async"] is True
    assert json.loads(ask(answers, client.memory.recall_memories, "b", Dumped())[3]) == {"query": "q"}


def test_answers_can_be_sent(client, answers):
    """As they came, down to the bottom."""
    manifest = {"version": "1", "bank": {"reflect_mission": "Help"}, "directives": [{"name": "d", "content": "c"}]}
    template = models.BankTemplateManifest.from_dict(manifest)
    assert json.loads(ask(answers, client.banks.import_bank_template, "b", template)[3]) == manifest
    retained = {"success": True, "bank_id": "b", "items_count": 1, "async": True}
    answer = models.RetainResponse.from_dict(retained)
    assert answer.var_async is True
    assert json.loads(ask(answers, client.memory.update_memory, "b", "m", {"of": [answer]})[3]) == {"of": [retained]}
