"""A server inside the program."""

import os

import pytest

from harness.talk import Talk

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


def test_a_stop_ends_the_database_too(home, llm):
    """Also where a request is under way that takes longer than the stop may."""
    program = (
        SERVER
        + """
import threading
server = HindsightServer(**MODEL).start()
url = server.url
client = HindsightClient(base_url=url)
client.retain(bank_id="b", content="Alice works at Google")
print("ready", flush=True)
input()

def work():
    try:
        client.reflect(bank_id="b", query="Who is Alice?")
    except Exception:
        print("lost", flush=True)

thread = threading.Thread(target=work)
thread.start()
input()
server.stop(timeout=0.1)
thread.join()
assert not server.is_running and not listens(url)
print("stopped", flush=True)
input()
"""
    )
    with Talk(home, program) as talk:
        talk.expect("ready")
        with talk.asking(llm):
            talk.say()
            talk.expect("lost")
            talk.expect("stopped")
        assert home.postmasters() == [], "while the program goes on"
        talk.say()
        talk.finish()


# Takes longer than the start may, in seconds, then fails.
SLOW_CLIENT = """#!/bin/sh
[ "$1" = --version ] && exit 0
sleep 4
echo "no route to the index" >&2
exit 1
"""


def test_the_time_for_a_start_does_not_count_fetches(bare_home):
    programs = bare_home.path / "programs"
    programs.mkdir()
    for name, text in {"pip": SLOW_CLIENT, "uv": "#!/bin/sh\nexit 1\n"}.items():
        (programs / name).write_text(text, encoding="utf-8")
        (programs / name).chmod(0o755)
    bare_home.environment["PATH"] = f"{programs}{os.pathsep}{bare_home.environment['PATH']}"
    # So PostgreSQL has to be fetched.
    del bare_home.environment["HINDSIGHT_PG_BIN_DIR"]
    bare_home.environment["HINDSIGHT_ASSETS_DIR"] = str(bare_home.path / "assets")
    ended = bare_home.python(
        """
from hindsight import HindsightServer
try:
    HindsightServer().start(timeout=3)
except RuntimeError as error:
    print(error)
"""
    )
    assert "no route to the index" in ended.out, ended


LOGS = """
import logging, sys
from hindsight import HindsightEmbedded, HindsightServer

class Told(logging.Handler):
    def emit(self, record):
        print("told:", record.getMessage())

logging.getLogger("hindsight").addHandler(Told())

def embedded():
    for settings in ({}, {"llm_model": "another", "llm_provider": "openai", "llm_api_key": "k"}):
        client = HindsightEmbedded(profile="logs", **settings)
        client.retain(bank_id="b", content="Alice works at Google")
    client.close(stop_daemon=True)

def server(level):
    with HindsightServer(db_url=f"pg0://{level}", log_level=level) as server:
        print(f"--- {level}", file=sys.stderr)

for part in sys.argv[1:]:
    embedded() if part == "embedded" else server(part)
"""


@pytest.mark.parametrize("parts", ["embedded info", "info embedded", "error info", "info error"])
def test_everybody_has_logs_of_their_own(bare_home, parts):
    """Whoever comes first: lines of a server are on standard error as it is told, warnings of daemons in logging."""
    ended = bare_home.python(LOGS, *parts.split())
    told = [line for line in ended.out.splitlines() if line.startswith("told: ")]
    if "embedded" in parts:
        (line,) = told
        assert "HINDSIGHT_API_LLM_MODEL" in line
    else:
        assert told == []
    lines = [line for line in ended.err.splitlines() if not line.startswith("---")]
    for word in ("listening", "database", "embedding model"):
        assert len([line for line in lines if f" INFO {word}" in line]) == 1, f"{word}: {ended}"
    assert not [line for line in lines if "HINDSIGHT_API_LLM_MODEL" in line], "that is for logging"
