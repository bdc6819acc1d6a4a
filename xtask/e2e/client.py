"""Drives a server with the official Python client; called by `cargo xtask e2e` with the server's URL.

Prints one line for every check, `ok …` or `FAILED …`, and ends with 1 if one failed.
"""

import asyncio
import importlib.metadata
from datetime import datetime, timezone

from hindsight_client import Hindsight
from hindsight_client_api.exceptions import ApiException, NotFoundException
from hindsight_client_api.models.bank_list_response import BankListResponse
from hindsight_client_api.models.bank_profile_response import BankProfileResponse
from hindsight_client_api.models.chunk_data import ChunkData
from hindsight_client_api.models.list_memory_units_response import ListMemoryUnitsResponse
from hindsight_client_api.models.recall_response import RecallResponse
from hindsight_client_api.models.recall_result import RecallResult
from hindsight_client_api.models.retain_response import RetainResponse

import frame
from frame import equal

VERSION = importlib.metadata.version("hindsight-client")
# Newer clients have more models, fields and parameters, and escape ids everywhere.
IS_NEW = hasattr(Hindsight, "get_version")
BANK = "python/client bank" if IS_NEW else "python client bank"
ALICE = "Alice works at Google as a software engineer"
BOB = "Bob is a data scientist at the weather office"


def text_of(memory):
    return memory.text if IS_NEW else memory["text"]


def create_bank(client):
    profile = client.create_bank(
        bank_id=BANK,
        name="Assistant",
        mission="Remember what people do.",
        disposition={"skepticism": 2, "literalism": 4, "empathy": 5},
    )
    assert isinstance(profile, BankProfileResponse), type(profile)
    equal(profile.bank_id, BANK)
    equal(profile.name, "Assistant")
    equal(profile.mission, "Remember what people do.")
    equal((profile.disposition.skepticism, profile.disposition.empathy), (2, 5))


def retain(client):
    response = client.retain(
        bank_id=BANK,
        content=ALICE,
        context="career update",
        timestamp=datetime(2024, 1, 15, tzinfo=timezone.utc),
        document_id="conversation_001",
        metadata={"source": "slack"},
        tags=["work"],
    )
    assert isinstance(response, RetainResponse), type(response)
    equal((response.success, response.bank_id, response.items_count, response.var_async), (True, BANK, 1, False))


def retain_batch(client):
    response = client.retain_batch(
        bank_id=BANK,
        items=[
            {"content": BOB, "context": "career"},
            {"content": "The meeting room smells of fresh paint", "tags": ["office"]},
        ],
        retain_async=False,
    )
    equal((response.success, response.items_count), (True, 2))


def recall(client):
    results = client.recall(bank_id=BANK, query="What does Alice do?")
    assert isinstance(results, RecallResponse), type(results)
    assert results and len(results) == len(results.results)
    best = results[0]
    assert isinstance(best, RecallResult), type(best)
    equal(best.text, ALICE)
    equal(best.type, "world")
    equal(best.context, "career update")
    equal(best.document_id, "conversation_001")
    equal(best.metadata, {"source": "slack"})
    equal(best.tags, ["work"])
    assert best.mentioned_at.startswith("2024-01-15T00:00:00"), best.mentioned_at
    if IS_NEW:
        assert best.scores.final > 0, best.scores
    equal(results.chunks, None)
    equal(results.entities, None)
    equal([r.text for r in results][0], ALICE)
    assert ALICE in results.to_prompt_string()


def recall_with_chunks(client):
    results = client.recall(
        bank_id=BANK, query="data scientist", budget="high", include_chunks=True, max_chunk_tokens=500
    )
    equal(results[0].text, BOB)
    chunk = results.chunks[results[0].chunk_id]
    assert isinstance(chunk, ChunkData), type(chunk)
    assert BOB in chunk.text, chunk.text
    equal(chunk.truncated, False)


def recall_with_entities_and_trace(client):
    results = client.recall(bank_id=BANK, query="Alice", include_entities=True, trace=True)
    assert isinstance(results.entities, dict), results.entities
    assert isinstance(results[0].entities, list), results[0].entities
    equal(results.trace["query"]["query_text"], "Alice")


def recall_by_type(client):
    equal(len(client.recall(bank_id=BANK, query="Alice", types=["observation"])), 0)
    kinds = {r.type for r in client.recall(bank_id=BANK, query="Alice", types=["world", "experience"])}
    assert kinds and kinds <= {"world", "experience"}, kinds


def recall_by_tag(client):
    strict = client.recall(bank_id=BANK, query="Alice Bob paint", tags=["work"], tags_match="any_strict")
    equal([r.text for r in strict], [ALICE])
    # `any` also finds what has no tags, but nothing with other tags.
    loose = {r.text for r in client.recall(bank_id=BANK, query="Alice Bob paint", tags=["work"], tags_match="any")}
    equal(loose, {ALICE, BOB})


def recall_in_a_token_budget(client):
    equal(len(client.recall(bank_id=BANK, query="Alice Bob paint", max_tokens=12)), 1)


def replacing_a_document(client):
    text = "Alice left Google and now paints houses"
    client.retain(bank_id=BANK, content="Alice likes tea", document_id="conversation_002")
    client.retain(bank_id=BANK, content=text, document_id="conversation_002")
    equal(client.list_memories(bank_id=BANK, search_query="likes tea").items, [])
    wanted = {"document_id": "conversation_002"} if IS_NEW else {"search_query": "paints houses"}
    equal([text_of(m) for m in client.list_memories(bank_id=BANK, **wanted).items], [text])


def list_memories(client):
    page = client.list_memories(bank_id=BANK, type="world", search_query="alice", limit=1, offset=0)
    assert isinstance(page, ListMemoryUnitsResponse), type(page)
    equal((page.total, len(page.items), page.limit, page.offset), (2, 1, 1, 0))
    assert "Alice" in text_of(page.items[0])
    equal(client.list_memories(bank_id=BANK, limit=0).items, [])


def unknown_bank(client):
    try:
        client.recall(bank_id="no such bank", query="anything")
    except NotFoundException as error:
        equal(error.status, 404)
        assert "Bank 'no such bank' not found" in error.body, error.body
    else:
        raise AssertionError("recall in a bank that does not exist succeeded")


def version(client):
    equal(client.get_version().api_version, "1.1.0")


def delete_bank(client):
    client.delete_bank(bank_id=BANK)
    try:
        client.recall(bank_id=BANK, query="Alice")
    except NotFoundException:
        return
    raise AssertionError("the bank is still there")


async def until(client, bank, operation, wanted):
    """The operation as soon as it has a status; not for ever."""
    for _ in range(1200):
        found = await client.operations.get_operation_status(bank, operation)
        if found.status == wanted:
            return found
        assert found.status in ("pending", "processing"), found.status
        await asyncio.sleep(0.05)
    raise AssertionError(f"the operation is {found.status}, never {wanted}")


async def work_in_the_background(url):
    """Handed over, looked at until it is done, listed, called off, tried again."""
    bank = "python background"
    client = Hindsight(base_url=url)
    operations = client.operations
    try:
        one = await client.aretain(bank_id=bank, content="Dave repairs bicycles", document_id="dave", retain_async=True)
        equal((one.success, one.var_async, one.items_count), (True, True, 1))
        done = await until(client, bank, one.operation_id, "completed")
        equal(done.error_message, None)
        found = await client.arecall(bank_id=bank, query="Who repairs bicycles?")
        equal([r.text for r in found], ["Dave repairs bicycles"])

        several = await client.aretain_batch(
            bank_id=bank,
            items=[{"content": "Erin bakes bread", "document_id": "erin"}, {"content": "Finn sails", "document_id": "finn"}],
            retain_async=True,
        )
        await until(client, bank, several.operation_id, "completed")
        equal(len(await client.arecall(bank_id=bank, query="bread sails bicycles")), 3)

        listed = await operations.list_operations(bank)
        ids = {operation.id for operation in listed.operations}
        assert {one.operation_id, several.operation_id} <= ids, listed
        # What is done can neither be called off nor tried again.
        await refused(409, operations.cancel_operation(bank, one.operation_id))
        await refused(409, operations.retry_operation(bank, one.operation_id))

        await called_off(client, bank)
        unknown = "00000000-0000-4000-8000-000000000000"
        equal((await operations.get_operation_status(bank, unknown)).status, "not_found")
        await refused(404, operations.cancel_operation(bank, unknown))
        await client.banks.delete_bank(bank)
    finally:
        await client.aclose()


async def called_off(client, bank):
    """A text that stands in line behind a long one of its document is called off, tried again, called off."""
    operations = client.operations
    long = " ".join(f"Sentence number {n} is about the harbour." for n in range(200))
    first = await client.aretain(bank_id=bank, content=long, document_id="long", retain_async=True)
    second = await client.aretain(bank_id=bank, content="It rained.", document_id="long", retain_async=True)
    await operations.cancel_operation(bank, second.operation_id)
    equal((await operations.get_operation_status(bank, second.operation_id)).status, "cancelled")
    await operations.retry_operation(bank, second.operation_id)
    status = (await operations.get_operation_status(bank, second.operation_id)).status
    assert status in ("pending", "processing"), status
    await operations.cancel_operation(bank, second.operation_id)
    await operations.cancel_operation(bank, first.operation_id)
    equal((await operations.get_operation_status(bank, first.operation_id)).status, "cancelled")
    # Nothing of it was stored.
    listed = await client.memory.list_memories(bank)
    equal(sorted(text_of(memory) for memory in listed.items), ["Dave repairs bicycles", "Erin bakes bread", "Finn sails"])


async def refused(status, call):
    try:
        await call
    except ApiException as error:
        equal(error.status, status)
    else:
        raise AssertionError(f"was not refused with {status}")


async def changes(client, bank):
    """Changing a memory, through the calls that are made of the contract."""
    from hindsight_client_api.models.update_memory_request import UpdateMemoryRequest

    page = await client.memory.list_memories(bank)
    memory_id = page.items[0].id
    change = UpdateMemoryRequest(text="Carol plays the viola", entities=["Carol"])
    changed = await client.memory.update_memory(bank, memory_id, change)
    equal((changed["text"], changed["entities"], changed["state"]), ("Carol plays the viola", ["Carol"], "valid"))
    gone = await client.memory.update_memory(bank, memory_id, UpdateMemoryRequest(state="invalidated", reason="r"))
    equal((gone["state"], gone["invalidation_reason"]), ("invalidated", "r"))
    equal(len(await client.arecall(bank_id=bank, query="Who plays the viola?")), 0)
    back = await client.memory.update_memory(bank, memory_id, UpdateMemoryRequest(state="valid"))
    equal((back["text"], back["state"]), ("Carol plays the viola", "valid"))
    history = await client.documents.get_document_history(bank, back["document_id"])
    equal([event.kind for event in history.items], ["fact_restored", "fact_invalidated", "fact_edited", "retain"])


async def overviews(client, bank):
    """A bank with one memory, seen as a whole."""
    graph = await client.memory.get_graph(bank)
    equal([node.data.text for node in graph.nodes], ["Carol plays the viola"])
    equal((graph.total_units, graph.edges, [row.fact_type for row in graph.table_rows]), (1, [], ["world"]))
    await refused(404, client.memory.get_graph("nowhere"))
    stats = await client.banks.get_agent_stats(bank)
    equal((stats.total_nodes, stats.total_documents, stats.total_links), (1, 1, 0))
    series = await client.banks.get_memories_timeseries(bank, period="1d")
    equal((len(series.buckets), sum(bucket.world for bucket in series.buckets)), (24, 1))
    entities = await client.entities.get_entity_graph(bank)
    equal((entities.total_entities, entities.total_edges), (1, 0))


async def asynchronous_calls(url):
    bank = "python async"
    client = Hindsight(base_url=url)
    try:
        equal((await client.monitoring.get_version()).api_version, "1.1.0")
        retained = await client.aretain(bank_id=bank, content="Carol plays the cello")
        equal(retained.success, True)
        found = await client.arecall(bank_id=bank, query="Who plays the cello?")
        equal([r.text for r in found], ["Carol plays the cello"])
        if IS_NEW:
            await changes(client, bank)
            await overviews(client, bank)
        banks = await client.banks.list_banks()
        assert isinstance(banks, BankListResponse), type(banks)
        listed = [item for item in banks.banks if item.bank_id == bank]
        equal([(item.name, item.fact_count) for item in listed], [(bank, 1)])
        deleted = await client.banks.delete_bank(bank)
        assert deleted.success and deleted.deleted_count >= 2, deleted
    finally:
        await client.aclose()


CHECKS = ([version] if IS_NEW else []) + [
    create_bank,
    retain,
    retain_batch,
    recall,
    recall_with_chunks,
    recall_with_entities_and_trace,
    recall_by_type,
    recall_by_tag,
    recall_in_a_token_budget,
    replacing_a_document,
    list_memories,
    unknown_bank,
    delete_bank,
]


if __name__ == "__main__":
    frame.main(f"python {VERSION}", CHECKS, [asynchronous_calls, work_in_the_background])
