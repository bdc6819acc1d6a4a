"""The package beside others: the official client, old and new, and what a wheel brings."""

import inspect
import json
import subprocess
import zipfile
from pathlib import Path

from hindsight_client import Hindsight

from harness.home import Home

CHECKS = Path(__file__).resolve().parents[2] / "xtask/e2e/client.py"


def test_the_official_client_installed_over_ours(given, assets, llm):
    """Its module replaces ours of the same name; what is only in ours goes on."""
    home = Home(assets, llm.url, scripts=given("over").parent)
    try:
        ended = home.python("""
import importlib.metadata
import hindsight.models, hindsight_client, hindsight_client_api
from hindsight import HindsightClient, HindsightEmbedded, HindsightServer

assert importlib.metadata.version("hindsight-client") == "1.1.0"
# All of it is the official one's.
from hindsight_client_api import ApiClient, models
from hindsight_client_api.models.recall_response import RecallResponse
assert hindsight_client_api.exceptions.NotFoundException is not hindsight.NotFoundException
assert models.RecallResponse is RecallResponse is not hindsight.models.RecallResponse
official = hindsight_client.Hindsight
with HindsightEmbedded(profile="over", llm_provider="openai", llm_api_key="k") as client:
    client.retain(bank_id="b", content="Alice works at Google")
    assert client.recall(bank_id="b", query="Alice")[0].text == "Alice works at Google"
    with official(base_url=client.url) as other:
        assert other.recall(bank_id="b", query="Alice")[0].text == "Alice works at Google"
    with HindsightClient(base_url=client.url) as third:
        assert third.recall(bank_id="b", query="Alice")[0].text == "Alice works at Google"
    client.close(stop_daemon=True)
with HindsightServer(llm_provider="openai", llm_model="m", llm_api_key="k") as server:
    assert server.url
print("done")
""")
        assert ended.out == "done\n"
        assert "hindsight-embed " in home.shell("hindsight-embed --version").out
    finally:
        home.close()


def test_official_clients_and_our_daemon(given, bare_home):
    """The checks of the official clients, against a daemon that this package has started."""
    url = bare_home.python("""
from hindsight import HindsightEmbedded
print(HindsightEmbedded(profile="official").url)
""").out.strip()
    for python in given("official"):
        ended = subprocess.run([python, CHECKS, url], capture_output=True, text=True, timeout=300)
        lines = ended.stdout.splitlines()
        assert ended.returncode == 0 and len(lines) > 10, ended.stdout + ended.stderr
        assert all(line.startswith("ok ") for line in lines), ended.stdout


# Methods with the names of their arguments, those that may be given by place apart.
SIGNATURES = """
import inspect, json
from hindsight_client import Hindsight

methods = {}
for name, method in inspect.getmembers(Hindsight, inspect.isfunction):
    if not name.startswith("_"):
        arguments = list(inspect.signature(method).parameters.values())[1:]
        by_place = [argument.name for argument in arguments if argument.kind is argument.POSITIONAL_OR_KEYWORD]
        methods[name] = [by_place, [argument.name for argument in arguments]]
print(json.dumps(methods))
"""


def test_methods_are_called_as_those_of_the_official_client(given):
    python = given("official")[0]
    ended = subprocess.run([python, "-c", SIGNATURES], capture_output=True, text=True, check=True)
    for name, (by_place, arguments) in json.loads(ended.stdout).items():
        ours = list(inspect.signature(getattr(Hindsight, name)).parameters.values())[1:]
        assert [argument.name for argument in ours][: len(by_place)] == by_place, name
        if not any(argument.kind is argument.VAR_KEYWORD for argument in ours):
            assert set(arguments) <= {argument.name for argument in ours}, name


def test_what_is_in_the_wheel(given):
    wheel = given("wheel")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read(next(name for name in names if name.endswith(".dist-info/METADATA"))).decode()
        entries = archive.read(next(name for name in names if name.endswith(".dist-info/entry_points.txt"))).decode()
    for needed in ("hindsight/py.typed", "hindsight_client/py.typed", "hindsight_client_api/py.typed"):
        assert needed in names, f"types are not shipped: {needed}"
    libraries = [name for name in names if name.endswith((".so", ".pyd"))]
    assert len(libraries) == 1, f"all of the program is there once: {libraries}"
    assert not [name for name in names if "test" in name.lower() or name.endswith((".rs", ".toml"))]
    assert "License" in metadata and "Requires-Python: >=3." in metadata
    programs = {line.split("=")[0].strip() for line in entries.splitlines() if "=" in line}
    assert {"hindsight", "hindsight-embed"} <= programs


def test_importing_costs_nothing_and_starts_nothing(bare_home):
    ended = bare_home.python("""
import sys, threading
before = set(sys.modules)
import hindsight, hindsight_client
assert threading.active_count() == 1
for heavy in ("asyncio", "aiohttp", "pydantic", "ssl", "urllib.request", "typing_extensions"):
    assert heavy not in set(sys.modules) - before, heavy
assert hindsight.__version__ == hindsight_client.__version__
""")
    assert (ended.out, ended.err) == ("", "")
    assert not (bare_home.path / ".hindsight").exists()


def test_programs_of_the_package(bare_home):
    assert bare_home.shell("hindsight --version").out.startswith("hindsight ")
    assert bare_home.shell("hindsight-embed --version").out.startswith("hindsight-embed ")
    assert bare_home.shell("hindsight no-such-command", code=2).err
    bare_home.shell("hindsight-embed -p programs retain users 'Alice works at Google'")
    assert bare_home.shell("hindsight-embed -p programs recall users 'Alice'").out == "✓ Alice works at Google\n"
    # Python and the command line have the same daemon, whoever began.
    ended = bare_home.python("""
from hindsight import HindsightEmbedded
client = HindsightEmbedded(profile="programs")
print(client.is_running, client.recall(bank_id="users", query="Alice")[0].text)
client.close(stop_daemon=True)
""")
    assert ended.out == "True Alice works at Google\n"
