"""What mypy and editors know of the package."""

import sys

import pytest

from test_guide import GUIDE, python_of_readme

KNOWN = """
from typing import assert_type
from hindsight import HindsightClient, HindsightEmbedded, HindsightServer, start_server
from hindsight_client import Hindsight
from hindsight_client.exceptions import ApiException, NotFoundException
from hindsight_client_api.exceptions import OpenApiException
from hindsight_client_api.models import RecallRequest, RecallResponse

client = Hindsight(base_url="http://localhost:8888")
found = client.recall(bank_id="b", query="q", types=["world"], budget="low")
assert_type(found[0].text, str)
assert_type([result.text for result in found], list[str])
assert_type(len(found), int)
assert_type(found.to_prompt_string(), str)
assert_type(client.reflect(bank_id="b", query="q").text, str)
assert_type(client.retain(bank_id="b", content="c").success, bool)
with HindsightEmbedded(profile="p") as memory:
    assert_type(memory, HindsightEmbedded)
    assert_type(memory.url, str)
    assert_type(memory.is_running, bool)
    assert_type(memory.recall(bank_id="b", query="q")[0].text, str)
with HindsightServer(llm_provider="none") as server:
    assert_type(server, HindsightServer)
    assert_type(server.url, str)
assert_type(start_server(), HindsightServer)

async def main(client: HindsightClient, memory: HindsightEmbedded) -> None:
    assert_type((await client.arecall(bank_id="b", query="q"))[0].text, str)
    assert_type((await memory.areflect(bank_id="b", query="q")).text, str)

def status(error: ApiException) -> "int | None":
    return error.status

def texts(answer: RecallResponse, asked: RecallRequest) -> "list[str]":
    return [asked.query, *(result.text for result in answer)]

assert issubclass(NotFoundException, ApiException) and issubclass(ApiException, OpenApiException)
"""

WRONG = [
    'client.recall(bank="b", query="q")',
    'client.recall(bank_id="b")',
    'client.recall(bank_id=7, query="q")',
    'client.retain(bank_id="b", content=7)',
    'client.recal(bank_id="b", query="q")',
    'client.recall(bank_id="b", query="q")[0].txt',
    'memory.recal(bank_id="b", query="q")',
    'HindsightEmbedded(profil="p")',
    'HindsightServer(llm_provider=7)',
]


@pytest.fixture
def mypy(bare_home):
    """Runs mypy over programs; the lines that it complains about."""

    def run(*programs, strict=True):
        names = []
        for number, text in enumerate(programs):
            names.append(bare_home.path / f"example_{number}.py")
            names[-1].write_text(text, encoding="utf-8")
        how = "--strict" if strict else "--check-untyped-defs"
        ended = bare_home.run([sys.executable, "-m", "mypy", how, "--no-error-summary", *names], code=None)
        assert ended.code in (0, 1), ended
        return [line for line in ended.out.splitlines() if ": error:" in line]

    return run


def test_what_is_known(mypy):
    assert mypy(KNOWN) == []


def test_what_is_wrong(mypy):
    head = "from hindsight import HindsightEmbedded, HindsightServer\nfrom hindsight_client import Hindsight\n"
    client = 'client = Hindsight(base_url="http://localhost:8888")\nmemory = HindsightEmbedded()\n'
    text = head + client + "\n".join(WRONG) + "\n"
    lines = {int(line.split(":")[1]) for line in mypy(text)}
    first = text[: text.index(WRONG[0])].count("\n") + 1
    assert lines == set(range(first, first + len(WRONG)))


def test_examples_are_right(mypy):
    examples = [block.text for block in (*GUIDE.blocks, *python_of_readme()) if block.language == "python"]
    assert mypy(*examples, strict=False) == []
