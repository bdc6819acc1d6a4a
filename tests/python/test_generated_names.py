"""Names of the official client's generated part, for programs that import them."""

import asyncio
import json
import subprocess

import pytest
from hindsight import exceptions, models, requests
from hindsight.requests._base import Request

from test_contract import CONTRACT, SCHEMAS, type_of

REQUESTS = {
    name: value
    for name, value in vars(requests).items()
    if isinstance(value, type) and issubclass(value, Request) and value is not Request
}

OFFICIAL = """
import inspect, json, pkgutil
import hindsight_client_api.exceptions as exceptions, hindsight_client_api.models as models

raised = [value for _, value in inspect.getmembers(exceptions, inspect.isclass) if issubclass(value, Exception)]
answers = {name: value.__module__ for name, value in inspect.getmembers(models, inspect.isclass)}
print(json.dumps([[value.__name__ for value in raised], answers]))
"""


@pytest.fixture(scope="module")
def official(given):
    """Names of its exceptions, and of its models with their modules."""
    python = given("official")[0]
    return json.loads(subprocess.run([python, "-c", OFFICIAL], capture_output=True, text=True, check=True).stdout)


def test_exceptions_are_there(official):
    import hindsight_client_api
    import hindsight_client_api.exceptions as ours

    for name in official[0]:
        assert issubclass(getattr(ours, name), Exception)
        assert getattr(hindsight_client_api, name) is getattr(ours, name)
    assert ours.NotFoundException is exceptions.NotFoundException
    assert issubclass(ours.NotFoundException, ours.OpenApiException)


def test_models_are_where_they_are_looked_for(official):
    import importlib

    import hindsight_client_api.models as ours

    known = official[1]
    places = {name: place for name, place in known.items() if hasattr(ours, name)}
    for name in ("RecallResponse", "LLMRequestListResponse", "Base64AttachmentSource", "RecallRequest", "Content"):
        assert name in places, name
    assert len(places) > 150
    for name, place in places.items():
        module = importlib.import_module(place)
        assert getattr(module, name) is getattr(ours, name)
        assert getattr(ours, place.rpartition(".")[2]) is module
    assert ours.RecallResponse is models.RecallResponse and ours.RecallRequest is requests.RecallRequest


def test_what_sends_requests_is_not_there():
    import hindsight_client_api

    with pytest.raises(ImportError, match="ApiClient is only in the official client"):
        from hindsight_client_api import ApiClient  # noqa: F401
    with pytest.raises(AttributeError, match="no_such_name"):
        hindsight_client_api.no_such_name


def test_programs_with_these_names(client, answers):
    from hindsight_client_api.exceptions import ApiException, NotFoundException
    from hindsight_client_api.models import memory_item, retain_request
    from hindsight_client_api.models.content import Content

    answers.status, answers.body = 404, {"detail": "there is no bank b"}
    item = memory_item.MemoryItem(content=Content("A text"), entities=[requests.EntityInput(text="Alice")])
    request = retain_request.RetainRequest(items=[item], var_async=True)
    with pytest.raises(NotFoundException, match="there is no bank b") as caught:
        asyncio.run(client.memory.retain_memories("b", retain_request=request))
    assert isinstance(caught.value, ApiException)
    sent = {"items": [{"content": "A text", "entities": [{"text": "Alice"}]}], "async": True}
    assert json.loads(answers.requests[0][3]) == sent == json.loads(request.to_json())


@pytest.mark.parametrize("name", sorted(REQUESTS))
def test_fields_of_requests_are_those_of_the_contract(name):
    request = REQUESTS[name]
    schema = SCHEMAS.get(name) or SCHEMAS[f"{name.removesuffix('Input')}-Input"]
    fields = {field.removeprefix("var_"): type for field, type in request.__annotations__.items()}
    assert request._fields == fields.keys() == set(schema.get("properties", ()))
    # What has a word for its type may be needed and have a default all the same.
    assert request._needed <= set(schema.get("required", ())) <= request._needed | {"type"}
    for field, annotation in fields.items():
        expected = type_of(schema["properties"][field])
        found = set(annotation.split(" | "))
        assert expected is None or found in (expected, expected | {"None"}), field


def test_every_body_has_a_request():
    for methods in CONTRACT["paths"].values():
        for operation in methods.values():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content and not operation.get("deprecated"):
                schema = content["schema"]
                name = (schema.get("$ref") or schema["anyOf"][0]["$ref"]).rpartition("/")[2]
                assert name in REQUESTS or hasattr(models, name), name


def test_requests_take_what_they_know():
    with pytest.raises(TypeError, match="a RecallRequest has no limit"):
        requests.RecallRequest(query="q", limit=3)
    with pytest.raises(TypeError, match="a RecallRequest needs query"):
        requests.RecallRequest()
    request = requests.RecallRequest(query="q", budget=requests.Budget.HIGH, tags=None)
    assert request.max_tokens == 4096 and request == requests.RecallRequest.from_dict(request.to_dict())
    assert json.loads(request.to_json()) == {"query": "q", "budget": "high", "tags": None}
