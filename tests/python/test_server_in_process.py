"""A server inside the program."""

import pytest

SERVER = """
import os, socket, sys, urllib.parse, urllib.request
from hindsight import HindsightClient, HindsightServer, start_server

MODEL = {"llm_provider": "openai", "llm_model": "gpt-4o-mini", "llm_api_key": "k"}

def listens(url):
    address = urllib.parse.urlparse(url)
    with socket.socket() as probe:
        return probe.connect_ex((address.hostname, address.port)) == 0
"""


def test_a_server_from_start_to_stop(home):
    ended = home.python(
        SERVER
        + """
server = HindsightServer(**MODEL)
assert server.start() is server
assert server.url.startswith("http://127.0.0.1:") and listens(server.url)
try:
    server.start()
except RuntimeError as error:
    assert str(error) == "Server is already running", error
else:
    raise AssertionError("it runs")
with HindsightClient(base_url=server.url) as client:
    client.retain(bank_id="b", content="Alice works at Google")
    assert [bank.bank_id for bank in client.banks.list().banks] == ["b"]
url = server.url
server.stop()
server.stop()
assert not listens(url)

with server as again:
    url = again.url
    with HindsightClient(base_url=url) as client:
        assert client.recall(bank_id="b", query="Alice")[0].text == "Alice works at Google"
assert not listens(url)
print("done")
"""
    )
    assert ended.out == "done\n"
    assert home.postmasters() == []
    assert (home.path / ".pg0/instances/hindsight").is_dir(), "the database of the name pg0"


def test_a_server_on_a_port_of_its_own(home):
    home.python(
        SERVER
        + """
with socket.socket() as taken:
    taken.bind(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    taken.listen()
    try:
        start_server(port=port, **MODEL)
    except (RuntimeError, OSError) as error:
        assert str(port) in str(error), error
    else:
        raise AssertionError("the port is taken")
server = start_server(port=port, **MODEL)
assert server.url == f"http://127.0.0.1:{port}" and listens(server.url)
server.stop()
"""
    )
    assert home.postmasters() == []


def test_two_servers_in_one_program(home):
    ended = home.python(
        SERVER
        + """
with HindsightServer(db_url="pg0://one", **MODEL) as one, HindsightServer(db_url="pg0://two", **MODEL) as two:
    assert one.url != two.url
    for server, text in ((one, "One"), (two, "Two")):
        HindsightClient(base_url=server.url).retain(bank_id="b", content=f"{text} was here")
    for server, text in ((one, "One"), (two, "Two")):
        found = HindsightClient(base_url=server.url).list_memories(bank_id="b").items
        assert [item.text for item in found] == [f"{text} was here"], found
print("done")
"""
    )
    assert ended.out == "done\n"
    assert home.postmasters() == []


ENDS = {"nothing stopped": ("", 0), "told to end": ("sys.exit(3)", 3), "an error": ("raise ValueError('this')", 1)}


@pytest.mark.parametrize("how", ENDS)
def test_programs_with_a_server_end(home, how):
    text, code = ENDS[how]
    ended = home.python(f"{SERVER}\nserver = HindsightServer(**MODEL).start()\n{text}\n", code=code)
    assert ended.out == ""
    # The server may have told how it is; the program itself has nothing to complain about.
    assert "Traceback" not in ended.err or code == 1
    assert "panicked" not in ended.err
    assert home.postmasters() == [], "its database ends with the program"


@pytest.mark.parametrize(
    "settings, reason",
    [
        ({"llm_provider": "no such provider"}, "no such provider"),
        ({"llm_provider": "anthropic", "llm_api_key": ""}, "HINDSIGHT_API_LLM_API_KEY"),
        ({"db_url": "postgresql://me:hush@127.0.0.1:1/x"}, "database"),
        ({"log_level": "loud"}, "loud"),
        ({"host": "no.such.host.invalid"}, "no.such.host.invalid"),
    ],
    ids=["provider", "key", "database", "log level", "host"],
)
def test_servers_that_cannot_start_say_why(bare_home, settings, reason):
    ended = bare_home.python(
        f"""
from hindsight import HindsightServer
server = HindsightServer(**{{"llm_provider": "openai", "llm_api_key": "k", **{settings!r}}})
try:
    server.start()
except (RuntimeError, ValueError, OSError) as error:
    print(type(error).__name__, error)
server.stop()
"""
    )
    assert reason in ended.out and "hush" not in ended.out + ended.err
    assert bare_home.postmasters() == []


def test_a_server_without_a_model(home):
    ended = home.python(
        """
from hindsight import HindsightClient, HindsightServer
with HindsightServer(llm_provider="none", llm_model="") as server:
    client = HindsightClient(base_url=server.url)
    client.retain(bank_id="b", content="Alice works at Google")
    print(client.recall(bank_id="b", query="Where does Alice work?")[0].text)
"""
    )
    assert ended.out == "Alice works at Google\n"
