"""One client for many threads and many tasks."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from hindsight_client import Hindsight

from harness.talk import Talk

THREADS = 10
CALLS = 50
TASKS = 200
FACTS = 20


def test_threads_share_a_client(plain_server):
    with Hindsight(base_url=plain_server) as client:

        def work(thread):
            bank = f"thread-{thread}"
            told = []
            for call in range(CALLS // 5):
                text = f"Thread {thread} has painted door {call} in colour {thread * CALLS + call}"
                assert client.retain(bank_id=bank, content=text).items_count == 1
                told.append(text)
                for found in (
                    client.recall(bank_id=bank, query=text),
                    client.recall(bank_id=bank, query=f"door {call}", budget="low"),
                    client.recall(bank_id=bank, query=text, max_tokens=40),
                ):
                    texts = [result.text for result in found]
                    assert text in texts, (text, texts)
                    assert set(texts) <= set(told), "something of another thread"
                assert client.list_memories(bank_id=bank, limit=1).total == len(told)
            return len(told) * 5

        with ThreadPoolExecutor(THREADS) as pool:
            assert list(pool.map(work, range(THREADS))) == [CALLS] * THREADS


def test_tasks_share_a_client(plain_server):
    async def work():
        client = Hindsight(base_url=plain_server)
        items = [{"content": f"Room {number} is painted in colour {number + 700}"} for number in range(FACTS)]
        await client.aretain_batch(bank_id="tasks", items=items)

        turns = 0
        done = asyncio.Event()

        async def others():
            nonlocal turns
            while not done.is_set():
                turns += 1
                await asyncio.sleep(0)

        other = asyncio.create_task(others())
        calls = [client.arecall(bank_id="tasks", query=f"colour {task % FACTS + 700}") for task in range(TASKS)]
        found = await asyncio.gather(*calls)
        done.set()
        await other
        await client.aclose()
        return found, turns

    found, turns = asyncio.run(work())
    assert len(found) == TASKS
    for task, results in enumerate(found):
        wanted = f"Room {task % FACTS} is painted in colour {task % FACTS + 700}"
        assert wanted in [result.text for result in results]
    assert turns > TASKS, "other tasks had their turns meanwhile"


def test_event_loops_one_after_the_other(plain_server):
    """A client is not tied to the loop that it was first used in."""
    client = Hindsight(base_url=plain_server)
    asyncio.run(client.aretain(bank_id="loops", content="The first loop was here"))
    asyncio.run(client.aretain(bank_id="loops", content="The second loop was here"))
    assert len(client.recall(bank_id="loops", query="loop")) == 2
    asyncio.run(client.aclose())


def test_blocking_calls_inside_a_loop(plain_server):
    async def work():
        with Hindsight(base_url=plain_server) as client:
            client.retain(bank_id="inside", content="Called where a loop runs")
            return client.recall(bank_id="inside", query="loop")

    assert [result.text for result in asyncio.run(work())] == ["Called where a loop runs"]


def test_loops_in_many_threads(plain_server):
    with Hindsight(base_url=plain_server) as client:
        client.retain(bank_id="many", content="Every thread has a loop of its own")

        def work(_):
            return asyncio.run(client.arecall(bank_id="many", query="loop"))[0].text

        with ThreadPoolExecutor(THREADS) as pool:
            assert set(pool.map(work, range(THREADS * 3))) == {"Every thread has a loop of its own"}


def test_a_task_that_is_cancelled(home, llm):
    """What was asked for is given up, and the client goes on."""
    program = """
import asyncio
from hindsight import HindsightEmbedded

client = HindsightEmbedded(profile="tasks", llm_provider="openai", llm_api_key="k", llm_model="gpt-4o-mini")
client.retain(bank_id="b", content="Alice works at Google")

async def main():
    print("ready", flush=True)
    await asyncio.to_thread(input)
    call = asyncio.create_task(client.areflect(bank_id="b", query="Who is Alice?"))
    await asyncio.to_thread(input)
    call.cancel()
    try:
        await call
    except asyncio.CancelledError:
        print("cancelled", flush=True)
    print([result.text for result in await client.arecall(bank_id="b", query="Alice")], flush=True)

asyncio.run(main())
"""
    with Talk(home, program) as talk:
        talk.expect("ready")
        with talk.asking(llm):
            talk.say()
            talk.expect("cancelled")
            talk.expect("['Alice works at Google']")
        talk.finish()
