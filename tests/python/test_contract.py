"""Types of answers and the list of routes are those of the contract."""

import json
import re
from pathlib import Path

import pytest

import hindsight.models
from hindsight._operations import _QUERIES, _ROUTES
from hindsight.models._base import Model

CONTRACT = json.loads((Path(__file__).resolve().parents[2] / "crates/server/openapi.json").read_text("utf-8"))
SCHEMAS = CONTRACT["components"]["schemas"]
MODELS = {
    name: value
    for name, value in vars(hindsight.models).items()
    if isinstance(value, type) and issubclass(value, Model) and value is not Model
}
# Fields that are words of the language.
RENAMED = {"var_async": "async"}
# They answer 410, whatever is asked.
RETIRED = {
    "add_bank_background",
    "export_documents_sync_removed",
    "get_bank_profile",
    "regenerate_entity_observations",
    "update_bank_disposition",
}


def schema_of(name):
    return SCHEMAS.get(name) or SCHEMAS[f"{name}-Output"]


def type_of(schema):
    """A type of the contract as annotations write it; none where theirs is wider."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2].removesuffix("-Output")
        return {name} if name in MODELS else None
    if "anyOf" in schema:
        parts = [type_of(part) for part in schema["anyOf"]]
        return None if None in parts else set().union(*parts)
    kinds = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
    if schema.get("type") in kinds:
        return {kinds[schema["type"]]}
    if schema.get("type") == "array" and (item := type_of(schema["items"])) and len(item) == 1:
        return {f"list[{item.pop()}]"}
    return None


@pytest.mark.parametrize("name", sorted(MODELS))
def test_fields_are_those_of_the_contract(name):
    schema, model = schema_of(name), MODELS[name]
    fields = {RENAMED.get(field, field): type for field, type in model.__annotations__.items()}
    assert set(fields) == set(schema["properties"])
    required = set(schema.get("required", ()))
    assert model._needed <= required, "what may be left out is not missed"
    for field, annotation in fields.items():
        expected = type_of(schema["properties"][field])
        found = set(annotation.split(" | "))
        # What may be left out is None then, where the contract has nothing else for it.
        assert expected is None or found == expected or (found == expected | {"None"} and field not in required), field


def test_what_is_an_object_is_made_one():
    for name, model in MODELS.items():
        for field, annotation in model.__annotations__.items():
            named = set(re.findall(r"\w+", annotation)) & MODELS.keys()
            assert bool(named) == (field in model._wrapped), (name, field)


def test_routes_are_those_of_the_contract():
    wanted = {}
    for path, methods in CONTRACT["paths"].items():
        for method, operation in methods.items():
            if operation["operationId"] not in RETIRED:
                wanted[operation["operationId"]] = (method.upper(), path)
    known = {}
    for routes in _ROUTES.values():
        for name, route in routes.items():
            method, path, answer, *_ = route.split()
            known[name] = (method, "/" + re.sub(r"^B(?=/|$)", "v1/default/banks/{bank_id}", path))
            assert answer in ("-", "bytes", "text") or answer in MODELS, name
    assert known == wanted


def test_queries_are_those_of_the_contract():
    wanted = {}
    for methods in CONTRACT["paths"].values():
        for operation in methods.values():
            queries = [given for given in operation.get("parameters", ()) if given["in"] == "query"]
            if queries and operation["operationId"] not in RETIRED:
                marked = [given["name"] + "!" * bool(given.get("required")) for given in queries]
                wanted[operation["operationId"]] = " ".join(marked)
    assert _QUERIES == wanted


def test_an_answer_survives_the_way_there_and_back():
    answer = {
        "results": [{"id": "1", "text": "Alice works at Google", "chunk_id": "c", "scores": {"final": 0.5}}],
        "chunks": {"c": {"id": "c", "text": "Alice works at Google.", "chunk_index": 0}},
        "news": {"of": "a later server"},
    }
    before = json.dumps(answer)
    found = hindsight.models.RecallResponse.from_dict(answer)
    assert found[0].chunks[0].text == "Alice works at Google."
    assert (found[0].context, found[0].scores.semantic) == (None, None)
    assert json.dumps(answer) == before == json.dumps(found.to_dict()) == found.to_json()
    assert found == hindsight.models.RecallResponse.from_dict(json.loads(before))
    assert not hindsight.models.RecallResponse.from_dict({"results": []})


def test_an_answer_that_cannot_be_read():
    for answer, why in [
        ('{"results": [{"id": "1"}]}', "a RecallResult without text"),
        ('{"results": [7]}', "a int where a RecallResult should be"),
        ('{"results": [', "EOF"),
        ("[]", "not an instance of 'dict'"),
    ]:
        with pytest.raises(ValueError, match=f"the server sent an answer that this client cannot read: .*{why}"):
            hindsight.models.RecallResponse._read(answer.encode())


def test_numbers_and_texts_are_read_as_they_are_written():
    whole = {"zero": -0.0, "exact": 0.1 + 0.2, "tiny": 5e-324, "large": 2**70, "text": 'é\n"\\ 🙂', "deep": [[{}], []]}
    assert hindsight.models.RecallResponse._read(json.dumps({"results": [], "trace": whole}).encode()).trace == whole
    read = hindsight.models.RecallResponse._read(b'{"results": [], "trace": {"a": 1e400, "b": 1, "b": 2}}').trace
    assert read == {"a": float("inf"), "b": 2}
