"""Retains that are suspended: for whoever has asked for it, and for nobody else."""

import asyncio
import contextvars
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hindsight_client import Hindsight


@pytest.fixture
def retained(answers):
    """Texts that the server was sent."""
    answers.body = {"success": True, "bank_id": "b", "items_count": 1, "async": False}
    return lambda: [json.loads(body)["items"][0]["content"] for *_, body in answers.requests]


def test_nothing_is_sent(client, retained):
    with client.suspend_retains():
        assert client.retain(bank_id="b", content="One").items_count == 0
        assert client.retain_batch(bank_id="b", items=[{"content": "Two"}], retain_async=True).success
        assert client.retain_files(bank_id="b", files=["there is no such file"]).operation_ids == []
        assert asyncio.run(client.aretain(bank_id="b", content="Three")).items_count == 0
        with pytest.raises(ValueError), client.suspend_retains():
            raise ValueError("this one")
        client.retain(bank_id="b", content="Still suspended")
    assert client.retain(bank_id="b", content="Four").items_count == 1
    assert retained() == ["Four"]


def test_what_is_no_retain_is_sent(client, answers):
    answers.body = {"results": []}
    with client.suspend_retains():
        client.recall(bank_id="b", query="A question")
    assert len(answers.requests) == 1


def test_other_tasks_retain(client, retained):
    async def main():
        suspended, retains = asyncio.Event(), asyncio.Event()

        async def reader():
            with client.suspend_retains():
                suspended.set()
                await retains.wait()
                await client.aretain(bank_id="b", content="Read only")

        async def writer():
            await suspended.wait()
            await client.aretain(bank_id="b", content="Written")
            retains.set()

        await asyncio.gather(reader(), writer())

    asyncio.run(main())
    assert retained() == ["Written"]


def test_tasks_of_the_block_are_suspended_too(client, retained):
    async def main():
        with client.suspend_retains():
            await asyncio.gather(*(client.aretain(bank_id="b", content=str(number)) for number in range(3)))
            await asyncio.to_thread(client.retain, bank_id="b", content="In a thread")

    asyncio.run(main())
    assert retained() == []


def test_other_threads_retain(client, retained):
    suspended, written = threading.Event(), threading.Event()

    def read():
        with client.suspend_retains():
            suspended.set()
            assert written.wait(60)
            client.retain(bank_id="b", content="Read only")

    def write():
        assert suspended.wait(60)
        client.retain(bank_id="b", content="Written")
        written.set()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(read), pool.submit(write)]:
            done.result()
    assert retained() == ["Written"]


def test_other_clients_retain(client, answers, retained):
    with Hindsight(base_url=answers.url) as other, client.suspend_retains():
        other.retain(bank_id="b", content="Written")
    assert retained() == ["Written"]


def test_later_clients_retain(answers, retained):
    """Also where one was suspended that is gone, and whose place in memory is another's."""
    client = Hindsight(base_url=answers.url)
    with client.suspend_retains():
        inside = contextvars.copy_context()
    del client
    for _ in range(20):
        client = Hindsight(base_url=answers.url)
        inside.run(client.retain, bank_id="b", content="Written")
        del client
    assert retained() == ["Written"] * 20


def test_routes_send_what_they_are_given(client, retained):
    with client.suspend_retains():
        asyncio.run(client.memory.retain_memories("b", {"items": [{"content": "Written"}]}))
    assert retained() == ["Written"]
