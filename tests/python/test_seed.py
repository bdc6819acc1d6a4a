"""Every example of the page that this package was founded on, word for word.

What stands before an example are names that the page defines elsewhere; what stands behind it looks at the results.
The page is not part of this project: without it the tests are skipped, and say so.
"""

import sys
from pathlib import Path

import pytest

from harness.blocks import transcript
from harness.examples import blocks_of, document_or_skip, left_out, program
from harness.home import is_alive, wait_for_end

PAGE = Path(__file__).resolve().parents[3] / "shared/seed/python-client.md"
IMPORTS = "from hindsight import HindsightEmbedded\nimport os\n"
GOOGLE = "Alice works at Google"
ENGINEER = "Alice works at Google as a software engineer"


@pytest.fixture(scope="module")
def page():
    return document_or_skip(PAGE, "the founding page lies beside the project only")


@pytest.fixture
def blocks(request, page):
    return blocks_of(request, page)


@pytest.fixture
def run(blocks, home):
    """Runs the example of a test: names before it, a look at the results behind it."""

    def run(before="", after="", number=0):
        text = blocks[number].text
        return home.python(program(("names", before), ("the example", text), ("results", after)))

    return run


def test_no_example_is_left_out(page):
    assert left_out(sys.modules[__name__], page) == []


# -- Installation


@pytest.mark.runs("Installation", 0, 1)
def test_installation(blocks, wheelhouse):
    """The names of the page lead to this package where an index says so."""
    for block in blocks:
        with wheelhouse.environment() as environment:
            environment.shell(block.text)
            ended = environment.python("""
from hindsight import HindsightClient, HindsightEmbedded, HindsightServer, start_server
from hindsight_client import Hindsight
assert issubclass(HindsightClient, Hindsight)
""")
            assert (ended.out, ended.err) == ("", "")
            assert "hindsight " in environment.shell("hindsight --version").out
            assert "hindsight-embed " in environment.shell("hindsight-embed --version").out


# -- Quick Start


@pytest.mark.runs("Quick Start", 0)
def test_quick_start_with_a_server(run, llm):
    ended = run(after="""
assert [r.text for r in results] == ["Alice works at Google"], results
assert not server.is_running, "it still runs"
""")
    assert ended.out == f"{GOOGLE}\nFrom memory: {GOOGLE}\n"
    assert {request["key"] for request in llm.requests} == {"key of the tests"}
    assert {request["model"] for request in llm.requests} == {"gpt-4o-mini"}


@pytest.mark.runs("Quick Start", 1)
def test_quick_start_with_a_client(run, fresh):
    assert run().out == f"{GOOGLE}\nFrom memory: {GOOGLE}\n"


# -- Embedded Client


@pytest.mark.runs("Embedded Client (Easiest Option)", 0)
def test_embedded(run, home, llm):
    ended = run(after="""
assert [r.text for r in results] == ["Alice works at Google"], results
""")
    assert ended.out == ""
    assert home.run_file("myapp") is None and home.postmasters() == [], "the daemon was to stop"
    assert home.shell("hindsight-embed --profile myapp daemon status", code=1).out.count("Status: Stopped") == 1
    assert {(request["key"], request["model"]) for request in llm.requests} == {("key of the tests", "gpt-4o-mini")}


@pytest.mark.runs("How It Works", 0, 1)
def test_sdk_and_command_line_work_together(blocks, home, uvx):
    python, shell = blocks
    ended = home.python(python.text)
    run = home.run_file("myapp")
    assert ended.out == f"Daemon running at: {run['url']}\n"
    assert run["started_by"] == "sdk" and is_alive(run["pid"])

    setting, status, recall = transcript(shell.text)
    expected = status.output.splitlines()
    printed = uvx(f"{setting.command}\n{status.command}").out.splitlines()
    assert printed[0] == expected[0] == "Daemon Status (profile: myapp)"
    assert printed[1].startswith(expected[1]) and expected[1] == "Status: Running"
    assert f"URL: {run['url']}" in printed
    assert expected[-1] in printed and expected[-1] == "Database: pg0://hindsight-embed-myapp"

    hits = uvx(f"{setting.command}\n{recall.command}").out.splitlines()
    assert hits == [f"✓ {GOOGLE}"]
    assert recall.output.removeprefix("✓ ") in hits[0]
    assert home.run_file("myapp")["pid"] == run["pid"], "both have the same daemon"


# -- Usage Patterns


@pytest.mark.runs("Usage Patterns", 0)
def test_simple(run, home):
    run(after="""
assert [r.text for r in results] == ["Some content"], results
""")
    run = home.run_file("myapp")
    assert is_alive(run["pid"]), "the daemon outlives the program"
    assert run["idle_timeout"] == 300


@pytest.mark.runs("Usage Patterns", 1)
def test_context_manager(run, home):
    run(after="""
assert [r.text for r in results] == ["Some content"], results
try:
    client.recall(bank_id="test", query="content")
except RuntimeError as error:
    assert str(error) == "Cannot use HindsightEmbedded after it has been closed", error
else:
    raise AssertionError("the client is to be closed")
""")
    assert home.run_file("myapp")["idle_timeout"] == 300, "it stops when nobody has used it for so long"


@pytest.mark.runs("Usage Patterns", 2)
def test_long_running(run, home, llm):
    ended = run(after="""
application = MyApplication()
print(application.process_message("alice", "Hello, I like green tea."))
print(application.process_message("alice", "What do I like?"))
application.shutdown()
try:
    application.process_message("alice", "Anybody there?")
except RuntimeError as error:
    print(error)
""")
    first, second, closed = ended.out.splitlines()
    assert first == "From memory: Hello, I like green tea."
    assert second.startswith("From memory: ") and "green tea" in second
    assert closed == "Cannot use HindsightEmbedded after it has been closed"
    assert any("How should I respond to: What do I like?" in str(request["messages"]) for request in llm.requests)


@pytest.mark.runs("Profile Isolation", 0)
def test_profile_isolation(run, home):
    run(
        before=IMPORTS,
        after="""
assert [r.text for r in results1] == ["App 1 data"], results1
assert [r.text for r in results2] == ["App 2 data"], results2
assert client1.url != client2.url
""",
    )
    for name in ("app1", "app2"):
        assert (home.path / f".pg0/instances/hindsight-embed-{name}").is_dir()
    assert home.run_file("app1")["pid"] != home.run_file("app2")["pid"]


# -- Daemon Management


@pytest.mark.runs("Daemon Management", 0, 1, 2, 3)
def test_daemon_management(blocks, home, uvx):
    status, start, status_again, stop = (block.text for block in blocks)
    assert "Status: Stopped" in uvx(status, code=1).out
    home.python(start + "assert [r.text for r in client.recall(bank_id='test', query='world')] == ['Hello world']\n")
    run = home.run_file("myapp")
    for text in (status, status_again):
        printed = uvx(text).out.splitlines()
        assert printed[:2] == ["Daemon Status (profile: myapp)", "Status: Running (started by SDK)"]
        assert {f"URL: {run['url']}", f"PID: {run['pid']}", "Database: pg0://hindsight-embed-myapp"} <= set(printed)
    uvx(stop)
    assert wait_for_end(run["pid"]) and home.run_file("myapp") is None
    assert "Status: Stopped" in uvx(status, code=1).out


@pytest.mark.runs("Daemon Management", 4)
def test_stopping_from_python(blocks, page, home):
    start = page.get("Daemon Management", 1).text
    stop, leave = blocks[0].text.split("\n\n")
    home.python(f"{start}\n{leave}")
    run = home.run_file("myapp")
    assert is_alive(run["pid"]), "it goes on, for others"
    # As it stands: stopped, then closed once more, which does nothing.
    home.python(f"{start}\n{blocks[0].text}")
    assert not is_alive(run["pid"]) and home.run_file("myapp") is None and home.postmasters() == []


@pytest.mark.runs("Configuration Options", 0)
def test_configuration(run, home, llm, uvx):
    run(
        before=IMPORTS,
        after="""
assert client.retain(bank_id="test", content="Hello world").success
assert client.profile == "default"
print(client.url)
""",
    )
    daemon = home.run_file("default")
    assert (daemon["idle_timeout"], daemon["database"]) == (300, "pg0://hindsight-embed-default")
    assert {(request["key"], request["model"]) for request in llm.requests} == {("your-key", "gpt-4o-mini")}
    assert "DEBUG" not in home.log("default")
    # The default profile of the command line is the same one.
    assert f"URL: {daemon['url']}" in uvx("uvx hindsight-embed daemon status").out


# -- Troubleshooting


@pytest.mark.runs("Troubleshooting", 0)
def test_looking_for_the_daemon(blocks, uvx):
    printed = uvx(blocks[0].text, code=1).out
    assert printed.startswith("Daemon Status (profile: myapp)\nStatus: Stopped\n")


@pytest.mark.runs("Troubleshooting", 1)
def test_a_closed_client(blocks, page, home):
    # `...` stands for arguments that the page gives elsewhere; nothing else of it is changed.
    settings = 'llm_provider="openai", llm_api_key=os.environ["OPENAI_API_KEY"]'
    text = blocks[0].text.replace('profile="myapp", ...', f'profile="myapp", {settings}')
    text = text.replace("client.recall(...)", 'client.recall(bank_id="test", query="content")')
    assert "..." not in text
    wrong, right = text.split("\n\n")
    retain = 'HindsightEmbedded(profile="myapp").retain(bank_id="test", content="Some content")\n'
    ended = home.python(program(("names", IMPORTS + retain), ("the example", wrong)), code=1)
    last = ended.err.splitlines()[-1]
    assert last == "RuntimeError: Cannot use HindsightEmbedded after it has been closed"
    right = right.replace("client.recall(", "results = client.recall(")
    results = 'assert [r.text for r in results] == ["Some content"], results\n'
    home.python(program(("names", IMPORTS), ("the example", right), ("results", results)))


@pytest.mark.runs("Troubleshooting", 2)
def test_more_in_the_log(run, home):
    run(before=IMPORTS, after='client.retain(bank_id="test", content="Hello world")\n')
    assert "DEBUG" in home.log("myapp")
    assert "Hello world" not in home.log("myapp"), "texts are nobody's business"
    assert "DEBUG" in home.shell("hindsight-embed -p myapp daemon logs -n 1000").out


@pytest.mark.runs("Thread Safety", 0)
def test_threads(run, home):
    run(after="""
answers = list(results)
assert len(answers) == 3
for message, answer in zip(messages, answers):
    assert message in [r.text for r in answer], (message, answer)
""")
    assert home.log("myapp").count("ready") == 1, "one start for all threads"


# -- Client


@pytest.mark.runs("Client Initialization", 0)
def test_initialization(run, fresh):
    run(after="""
assert client.retain(bank_id="my-bank", content="Alice works at Google").success
""")


@pytest.fixture
def client(page):
    """What the page calls `client` where it talks to a server."""
    return page.get("Client Initialization", 0).text


@pytest.mark.runs("Retain (Store Memory)", 0)
def test_retain(run, fresh, client):
    ended = run(
        before=client,
        after="""
page = client.list_memories(bank_id="my-bank")
for item in sorted(page.items, key=lambda item: item.text):
    print(item.text, item.context, item.document_id)
promoted = client.recall(bank_id="my-bank", query="promoted")[0]
print(promoted.text, promoted.mentioned_at[:10], promoted.metadata)
""",
    )
    promoted, engineer, found = ended.out.splitlines()
    assert promoted == "Alice got promoted career update conversation_001"
    assert engineer.startswith(ENGINEER)
    assert found == "Alice got promoted 2024-01-15 {'source': 'slack'}"


@pytest.mark.runs("Retain Batch", 0)
def test_retain_batch(run, fresh, client):
    run(
        before=client,
        after="""
page = client.list_memories(bank_id="my-bank")
found = sorted((item.text, item.context, item.document_id) for item in page.items)
assert found == [
    ("Alice works at Google", "career", "conversation_001"),
    ("Bob is a data scientist", "career", "conversation_001"),
], found
""",
    )


REMEMBERED = """
client.retain(bank_id="my-bank", content="Alice works at Google as a software engineer")
client.retain(bank_id="my-bank", content="Bob is a data scientist")
"""


@pytest.mark.runs("Recall (Search)", 0)
def test_recall(run, fresh, client):
    ended = run(
        before=client + REMEMBERED,
        after="""
assert results.results[0].text == "Alice works at Google as a software engineer"
assert {r.type for r in results} <= {"world", "observation"}
""",
    )
    assert ended.out.splitlines()[0] == f"{ENGINEER} (type: world)"


@pytest.mark.runs("Recall with Chunks", 0)
def test_recall_with_chunks(run, fresh, client):
    first, *rest = run(before=client + REMEMBERED).out.splitlines()
    assert first == f"Found {len(rest) // 2} memories"
    assert rest[:2] == [f"  - {ENGINEER}", f"    Source: {ENGINEER}..."]


@pytest.mark.runs("Reflect (Generate Response)", 0)
def test_reflect(run, fresh, client, llm):
    ended = run(before=client + REMEMBERED)
    assert ended.out.startswith("From memory: ") and ENGINEER in ended.out
    assert any("preparing for a meeting" in str(request["messages"]) for request in llm.requests)


@pytest.mark.runs("Create Bank", 0)
def test_create_bank(run, fresh, client):
    run(
        before=client,
        after="""
import json, urllib.request
with urllib.request.urlopen("http://localhost:8888/v1/default/banks") as answer:
    bank = next(bank for bank in json.load(answer)["banks"] if bank["bank_id"] == "my-bank")
assert bank["name"] == "Assistant", bank
assert bank["mission"].startswith("You're a helpful AI assistant"), bank
assert bank["disposition"] == {"skepticism": 3, "literalism": 3, "empathy": 3}, bank
""",
    )


@pytest.mark.runs("List Memories", 0)
def test_list_memories(blocks, fresh, client, home):
    call = blocks[0].text.replace("client.list_memories(", "page = client.list_memories(", 1)
    home.python(
        program(
            ("names", client + REMEMBERED),
            ("the example", call),
            (
                "results",
                """
assert [item.text for item in page.items] == ["Alice works at Google as a software engineer"], page
assert (page.total, page.limit, page.offset) == (1, 100, 0)
""",
            ),
        )
    )


@pytest.mark.runs("Async Support", 0)
def test_async(run, fresh):
    found, answer = run().out.splitlines()
    assert found == "Hello world"
    # The question has no word in common with what was said: the search may bring nothing to answer from.
    assert answer in ("From memory: Hello world", "Nothing is known of that.")


@pytest.mark.runs("Context Manager", 0)
def test_closing_by_context(run, fresh):
    run(after="""
assert [r.text for r in results] == ["Hello"], results
try:
    client.recall(bank_id="my-bank", query="Hello")
except Exception as error:
    assert "closed" in str(error), error
else:
    raise AssertionError("the client is to be closed")
""")
