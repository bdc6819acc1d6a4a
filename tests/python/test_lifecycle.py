"""Daemons that die, clients that are closed, programs that end, are interrupted, or fork."""

import os
import signal

import pytest

from harness.home import end, is_alive, wait_for_end
from harness.talk import Talk

BEGIN = """
import sys
from hindsight import HindsightEmbedded

client = HindsightEmbedded(profile="life", llm_provider="openai", llm_api_key="k", llm_model="gpt-4o-mini")
"""
# A client that has retained something, and waits for a line.
READY = (
    BEGIN
    + """
client.retain(bank_id="b", content="Alice works at Google")
print("ready", flush=True)
input()
"""
)
CLOSED = "Cannot use HindsightEmbedded after it has been closed"


def test_nothing_starts_before_it_is_needed(home):
    ended = home.python(
        BEGIN
        + """
assert client.is_running is False
assert client.profile == "life"
client.retain
try:
    client.retian
except AttributeError as error:
    assert "retian" in str(error)
else:
    raise AssertionError("a word that is none")
client.close()
client.close(stop_daemon=True)
"""
    )
    assert (ended.out, ended.err) == ("", "")
    assert home.run_file("life") is None and not (home.path / ".pg0").exists()


def test_a_killed_daemon_is_replaced(home):
    program = (
        READY
        + """
print([result.text for result in client.recall(bank_id="b", query="Alice")], flush=True)
input()
client.retain(bank_id="b", content="Bob sails")
print(sorted(result.text for result in client.recall(bank_id="b", query="Alice and Bob")), client.is_running)
"""
    )
    with Talk(home, program) as talk:
        talk.expect("ready")
        pids = []
        for answer in ("['Alice works at Google']", "['Alice works at Google', 'Bob sails'] True"):
            pids.append(home.run_file("life")["pid"])
            end(pids[-1], signal.SIGKILL)
            talk.say()
            talk.expect(answer)
        talk.finish()
        assert home.run_file("life")["pid"] not in pids


def test_a_daemon_that_dies_in_the_middle_of_a_call(home, llm):
    program = (
        READY
        + """
try:
    client.retain(bank_id="b", content="Bob sails")
except ConnectionError as error:
    print("lost", flush=True)
input()
print(client.recall(bank_id="b", query="Alice")[0].text)
"""
    )
    with Talk(home, program) as talk:
        talk.expect("ready")
        with talk.asking(llm):
            end(home.run_file("life")["pid"], signal.SIGKILL)
            talk.expect("lost")
        talk.say()
        talk.expect("Alice works at Google")
        talk.finish()


def test_a_daemon_that_dies_under_many_threads(home):
    """What was acknowledged is there, and every call ends in an answer or in an error that says why."""
    program = (
        BEGIN
        + """
from concurrent.futures import ThreadPoolExecutor

client.retain(bank_id="b", content="The first")
print("ready", flush=True)

def work(thread):
    kept = []
    for number in range(10):
        text = f"Thread {thread} has said {number}"
        try:
            client.retain(bank_id="b", content=text, document_id=f"{thread}-{number}")
            kept.append(text)
        except ConnectionError:
            pass
        if (thread, number) == (0, 2):
            print("going", flush=True)
    return kept

with ThreadPoolExecutor(10) as pool:
    kept = [text for texts in pool.map(work, range(10)) for text in texts]
found = {item.text for item in client.list_memories(bank_id="b", limit=1000).items}
assert set(kept) <= found, set(kept) - found
print("kept", len(kept), flush=True)
"""
    )
    with Talk(home, program) as talk:
        talk.expect("ready")
        talk.expect("going")
        end(home.run_file("life")["pid"], signal.SIGKILL)
        word, kept = talk.hear().split()
        assert word == "kept" and int(kept) > 10
        talk.finish()


def test_threads_start_one_daemon(home):
    ended = home.python(
        BEGIN
        + """
import threading
from concurrent.futures import ThreadPoolExecutor

together = threading.Barrier(10)

def work(thread):
    together.wait()
    client.retain(bank_id="b", content=f"Thread {thread} was here")
    return client.url

with ThreadPoolExecutor(10) as pool:
    assert len(set(pool.map(work, range(10)))) == 1
print(client.list_memories(bank_id="b").total)
"""
    )
    assert ended.out == "10\n"
    assert home.log("life").count("ready") == 1


def test_interpreters_start_one_daemon(home):
    program = (
        BEGIN
        + """
print("ready", flush=True)
input()
client.retain(bank_id="b", content=f"{sys.argv[1]} was here")
print(client.url, flush=True)
input()
print(sorted(item.text for item in client.list_memories(bank_id="b").items))
"""
    )
    with Talk(home, program, "Ann") as ann, Talk(home, program, "Ben") as ben:
        both = (ann, ben)
        for talk in both:
            talk.expect("ready")
        for talk in both:
            talk.say()
        assert len({talk.hear() for talk in both}) == 1
        for talk in both:
            talk.say()
        assert {talk.finish() for talk in both} == {"['Ann was here', 'Ben was here']\n"}
    assert home.log("life").count("ready") == 1


def test_a_client_that_is_closed_in_the_middle_of_a_call(home, llm):
    """The call ends soon, with its answer or with the reason; nothing hangs, also not the end of the program."""
    program = (
        READY
        + """
import threading

def work():
    try:
        print("answer", client.reflect(bank_id="b", query="Who is Alice?").text, flush=True)
    except RuntimeError as error:
        print(error, flush=True)

thread = threading.Thread(target=work)
thread.start()
input()
client.close()
print("closed", flush=True)
thread.join()
"""
    )
    with Talk(home, program) as talk:
        talk.expect("ready")
        with talk.asking(llm):
            talk.say()
            heard = talk.hear()
            if heard != "closed":
                assert heard == CLOSED
                talk.expect("closed")
                talk.finish()
                return
        assert talk.hear() in (CLOSED, "answer From memory: Alice works at Google")
        talk.finish()


def test_use_after_close(home):
    home.python(
        BEGIN
        + f"""
import asyncio
client.retain(bank_id="b", content="Alice works at Google")
client.close()
client.close()
calls = [
    lambda: client.recall(bank_id="b", query="Alice"),
    lambda: client.url,
    lambda: client.client,
    lambda: client.banks,
    lambda: asyncio.run(client.arecall(bank_id="b", query="Alice")),
    lambda: client.__enter__(),
]
for call in calls:
    try:
        call()
    except RuntimeError as error:
        assert str(error) == {CLOSED!r}, error
    else:
        raise AssertionError("it is to be closed")
"""
    )
    assert is_alive(home.run_file("life")["pid"]), "others may use the daemon"


def test_ctrl_c_during_a_long_call(home, llm):
    program = (
        READY
        + """
try:
    client.reflect(bank_id="b", query="Who is Alice?")
except KeyboardInterrupt:
    print("interrupted", flush=True)
print(client.recall(bank_id="b", query="Alice")[0].text, flush=True)
client.reflect(bank_id="b", query="Who is Alice?")
"""
    )
    # The model is held before the first question to it is one of reflect.
    with Talk(home, program) as talk:
        talk.expect("ready")
        with talk.asking(llm):
            talk.interrupt()
            talk.expect("interrupted")
            talk.expect("Alice works at Google")
            llm.wait_until_asked(2)
            # Not caught: the program ends as Python programs do.
            talk.interrupt()
            talk.finish(-signal.SIGINT)
        assert talk.complaints().splitlines()[-1] == "KeyboardInterrupt"
    assert is_alive(home.run_file("life")["pid"]), "Ctrl-C is not for the daemon"


def test_ctrl_c_during_the_start_of_the_daemon(home):
    program = BEGIN + 'print("going", flush=True)\nclient.retain(bank_id="b", content="Alice works at Google")\n'
    with Talk(home, program) as talk:
        talk.expect("going")
        talk.interrupt()
        talk.process.wait()
        assert talk.process.returncode in (-signal.SIGINT, 0), talk.complaints()
    # The next one is not harmed by what was left.
    home.python(BEGIN + 'client.retain(bank_id="b", content="Alice works at Google")\n')


@pytest.mark.parametrize("how", ["fork", "spawn"])
def test_children_of_a_program(home, how):
    """A client that was used before a fork works in parent and child."""
    program = (
        BEGIN
        + """
import multiprocessing

def work(number):
    client.retain(bank_id="b", content=f"Child {number} was here")
    return [result.text for result in client.recall(bank_id="b", query=f"Child {number}")][0]

if __name__ == "__main__":
    client.retain(bank_id="b", content="The parent was here")
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        assert sorted(pool.map(work, range(4))) == [f"Child {number} was here" for number in range(4)]
    assert client.list_memories(bank_id="b").total == 5
    print("done")
"""
    )
    assert home.python(program, how).out == "done\n"
    assert home.log("life").count("ready") == 1


def test_a_fork_in_the_middle_of_a_call(home, llm):
    program = (
        READY
        + """
import os, threading
thread = threading.Thread(target=lambda: client.reflect(bank_id="b", query="Who is Alice?"))
thread.start()
input()
child = os.fork()
if child == 0:
    print(client.recall(bank_id="b", query="Alice")[0].text, flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
input()
thread.join()
"""
    )
    with Talk(home, program) as talk:
        talk.expect("ready")
        with talk.asking(llm):
            talk.say()
            talk.expect("Alice works at Google")
        talk.say()
        talk.finish()


ENDS = {
    "nothing closed": ("", 0),
    "closed": ("client.close()", 0),
    "told to end": ("sys.exit(3)", 3),
    "an error": ("raise ValueError('this one')", 1),
    "a call in a thread that nobody waits for": (
        """
import threading
thread = threading.Thread(target=lambda: [client.recall(bank_id="b", query="Alice") for _ in range(10000)], daemon=True)
thread.start()
""",
        0,
    ),
    "a call that was never awaited to its end": (
        """
import asyncio
async def main():
    asyncio.create_task(client.arecall(bank_id="b", query="Alice"))
    await asyncio.sleep(0)
asyncio.run(main())
""",
        0,
    ),
    "a call when it is all over": (
        """
import atexit
atexit.register(lambda: client.recall(bank_id="b", query="Alice"))
""",
        0,
    ),
    "held by a circle": ("client.circle = [client]", 0),
}


@pytest.mark.parametrize("how", ENDS)
def test_programs_end(home, how):
    text, code = ENDS[how]
    ended = home.python(f'{BEGIN}\nclient.retain(bank_id="b", content="Alice works at Google")\n{text}\n', code=code)
    complaints = ended.err.splitlines()
    assert ended.out == ""
    assert (complaints[-1:] == ["ValueError: this one"]) if code == 1 else complaints == []


def test_a_daemon_that_cannot_start(home):
    """The reason is told, not only that there is one."""
    ended = home.python(
        """
from hindsight import HindsightEmbedded
client = HindsightEmbedded(profile="life", llm_provider="no such provider", llm_api_key="k")
try:
    client.retain(bank_id="b", content="Alice works at Google")
except RuntimeError as error:
    print(error)
"""
    )
    assert ended.out.startswith("Failed to start daemon for profile 'life'")
    assert "no such provider" in ended.out


def test_names_of_profiles(home):
    ended = home.python(
        """
from hindsight import HindsightEmbedded
print(HindsightEmbedded(profile="my app/é").profile)
for name in ("-", "..", "x" * 65, "con"):
    try:
        HindsightEmbedded(profile=name)
    except ValueError as error:
        print("refused", flush=True)
    else:
        print("taken", name)
for bad in ({"idle_timeout": -1}, {"log_level": "loud"}, {"llm_model": "two\\nlines"}, {"no_such": 1}):
    try:
        HindsightEmbedded(profile="x", **bad)
    except (ValueError, TypeError) as error:
        assert next(iter(bad)) in str(error), error
    else:
        print("taken", bad)
"""
    )
    assert ended.out.splitlines() == ["my-app--"] + ["refused"] * 4
    assert not (home.path / ".hindsight").exists()


def test_idle_daemons_end(home):
    ended = home.python(
        """
from hindsight import HindsightEmbedded
client = HindsightEmbedded(profile="life", idle_timeout=1)
client.retain(bank_id="b", content="Alice works at Google")
client.close()
"""
    )
    run = home.run_file("life")
    assert run is None or wait_for_end(run["pid"]), ended
    assert home.run_file("life") is None and home.postmasters() == []


def test_settings_that_a_running_daemon_does_not_have(home):
    program = """
import warnings
from hindsight import HindsightEmbedded
HindsightEmbedded(profile="life", llm_provider="openai", llm_api_key="first-secret").retain(bank_id="b", content="x")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    other = HindsightEmbedded(profile="life", llm_provider="openai", llm_api_key="other-secret", llm_model="other")
    other.retain(bank_id="b", content="y")
print("\\n".join(str(warning.message) for warning in caught))
"""
    ended = home.python(program)
    told = ended.out + ended.err
    assert "HINDSIGHT_API_LLM_MODEL" in told and "HINDSIGHT_API_LLM_API_KEY" in told
    assert "secret" not in told


def test_the_daemon_is_not_a_child_that_dies_with_its_terminal(home):
    talk = Talk(home, BEGIN + 'client.retain(bank_id="b", content="x")\nprint("ready", flush=True)\ninput()\n')
    with talk:
        talk.expect("ready")
        pid = home.run_file("life")["pid"]
        os.killpg(talk.pid, signal.SIGHUP)
        talk.process.wait()
    assert is_alive(pid)
    assert os.getpgid(pid) != talk.pid and os.getsid(pid) != talk.pid
