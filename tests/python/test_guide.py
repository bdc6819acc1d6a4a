"""Every example of the guide for Python, as it stands there."""

import sys
from pathlib import Path

import pytest

from harness.blocks import Document, transcript
from harness.examples import blocks_of, left_out

GUIDE = Document(Path(__file__).resolve().parents[2] / "docs/python.md")
README = Document(Path(__file__).resolve().parents[2] / "README.md")


@pytest.fixture
def blocks(request):
    return blocks_of(request, GUIDE)


@pytest.fixture
def run(blocks, bare_home):
    """What the first example of a test prints, line by line."""
    return lambda home=bare_home: home.python(blocks[0].text).out.splitlines()


def test_no_example_is_left_out():
    assert left_out(sys.modules[__name__], GUIDE) == []


@pytest.mark.runs("Install")
def test_install(blocks, wheelhouse):
    with wheelhouse.environment() as environment:
        for line in transcript(blocks[0].text):
            ended = environment.shell(line.command)
        assert ended.out.startswith("hindsight ")


@pytest.mark.runs("Memory without a server to look after")
def test_embedded(run, bare_home):
    assert run() == ["Carla has moved to Lisbon."]
    assert bare_home.run_file("diary")["idle_timeout"] == 300


@pytest.mark.runs("With a language model")
def test_with_a_model(run, home, llm):
    (answer,) = run(home)
    assert answer.startswith("From memory: ") and "Ben leads the search team." in answer
    assert {request["model"] for request in llm.requests} == {"gpt-4o-mini"}


@pytest.mark.runs("Profiles")
def test_profiles(run, bare_home):
    assert run() == ["The release is on Friday", "The plants want water on Friday"]
    assert bare_home.postmasters() == []
    assert (bare_home.path / ".pg0/instances/hindsight-embed-work").is_dir()


@pytest.mark.runs("Together with the command line", 0, 1)
def test_with_the_command_line(blocks, bare_home):
    python, shell = blocks
    bare_home.python(python.text)
    for line in transcript(shell.text):
        assert bare_home.shell(line.command).out.rstrip("\n") == line.output


@pytest.mark.runs("A server inside the program")
def test_server(run, bare_home):
    assert run() == ["The fixture was here"]
    assert bare_home.postmasters() == []


@pytest.mark.runs("The client of a server")
def test_client(run, server):
    lines = run()
    assert lines[:2] == ["1 Frida asks for invoices in Danish ['invoices']", "Frida asks for invoices in Danish"]
    assert lines[2] == "FACTS:" and "Frida asks for invoices in Danish" in "".join(lines[3:-1])
    assert lines[-1].startswith("Gero wants to pay by card 2024-03-01T00:00:00")


@pytest.mark.runs("All routes")
def test_routes(run, server):
    assert run() == ["Lena repairs clocks", "Lena repairs clocks", "['notes']"]


@pytest.mark.runs("Asynchronous")
def test_asynchronous(run, server):
    assert run() == ["['Hugo sails', 'Ines sails', 'Jon sails']"]


@pytest.mark.runs("Errors")
def test_errors(run, server):
    assert run() == ["404 no such bank", "422 not a text", "no server there"]


@pytest.mark.runs("Closing")
def test_closing(run, bare_home):
    assert run() == ["Cannot use HindsightEmbedded after it has been closed"]
    assert bare_home.run_file("closing") is None and bare_home.postmasters() == []


@pytest.mark.runs("Threads and processes")
def test_threads(run):
    assert run() == [f"Parcel {number} has arrived" for number in range(3)]


@pytest.mark.runs("Programs of the official client")
def test_programs_of_the_official_client(run, server):
    assert run() == ["404 True"]


def python_of_readme():
    return [block for block in README.blocks if block.language == "python"]


def test_the_readme_with_a_daemon(bare_home):
    first, _ = python_of_readme()
    assert bare_home.python(first.text).out == "Alice works at Google\n"


def test_the_readme_with_a_server(home, fresh):
    _, second = python_of_readme()
    assert home.python(second.text).out == "Alice works at Google\n"
