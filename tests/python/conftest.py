"""Tests of the Python package as it is installed; called by `cargo xtask python`, which says where things are."""

import shutil
import tempfile
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from hindsight_client import Hindsight

from harness.answers import Answers
from harness.home import Assets, Home, finish
from harness.llm import ScriptedLlm
from harness.server import serving
from harness.wheels import Wheelhouse

PATHS = {
    "models": "folder of models and runtime",
    "postgres": "folder with PostgreSQL's programs",
    "wheel": "the wheel that is tested",
    "over": "Python of an environment where the official client was installed over the package",
    "uvx": "the program uvx",
    "official": "Pythons of environments with an official client only, one for each version",
}


def pytest_addoption(parser):
    for name, about in PATHS.items():
        parser.addoption(f"--{name}", help=about, type=Path, action="append", default=[])


@pytest.fixture(scope="session")
def given(request):
    """A folder or program that the caller has named; all of them when there are several."""

    def get(name):
        paths = request.config.getoption(f"--{name}")
        assert paths, f"say --{name}: {PATHS[name]}"
        return paths if name == "official" else paths[0]

    return get


@pytest.fixture(scope="session")
def assets(given):
    # A copy: other users may not get at the original, and the database is one when root runs the tests.
    folder = Path(tempfile.mkdtemp(prefix="hindsight-postgres-"))
    folder.chmod(0o755)
    shutil.copytree(given("postgres"), folder / "postgres", symlinks=True)
    yield Assets(given("models"), folder / "postgres")
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def one_llm():
    llm = ScriptedLlm()
    yield llm
    llm.close()


@pytest.fixture
def llm(one_llm):
    """The model, which has not been asked anything yet."""
    one_llm.clear()
    yield one_llm
    one_llm.release()


@pytest.fixture
def home(assets, llm):
    """A home where the model can be reached."""
    home = Home(assets, llm.url)
    yield home
    home.close()


@pytest.fixture
def bare_home(assets):
    """A home without a language model."""
    home = Home(assets)
    yield home
    home.close()


@pytest.fixture(scope="session")
def server(assets, one_llm):
    """URL of a server with the model, at the place that documents name."""
    home = Home(assets, one_llm.url)
    settings = {"HINDSIGHT_API_LLM_PROVIDER": "openai", "HINDSIGHT_API_LLM_API_KEY": "key of the server"}
    with serving(home, 8888, **settings) as url:
        yield url
    home.close()


@pytest.fixture
def fresh(server):
    """That server, without the bank that documents name."""
    try:
        urlopen(Request(f"{server}/v1/default/banks/my-bank", method="DELETE")).close()
    except HTTPError as error:
        assert error.code == 404, error
    return server


@pytest.fixture(scope="session")
def plain_server(assets):
    """URL of a server without a language model."""
    home = Home(assets)
    with serving(home) as url:
        yield url
    home.close()


@pytest.fixture
def answers():
    """A server that gives one answer to everything."""
    answers = Answers()
    yield answers
    answers.close()


@pytest.fixture
def client(answers):
    """A client of that server."""
    with Hindsight(base_url=answers.url, max_attempts=1) as client:
        yield client


@pytest.fixture(scope="session")
def wheelhouse(given, assets):
    """The package under the names of the documentation."""
    wheelhouse = Wheelhouse(given("wheel"), assets)
    yield wheelhouse
    wheelhouse.close()


@pytest.fixture
def uvx(given, wheelhouse, home):
    """Runs lines in a shell that finds `uvx`, and `uvx` what it is asked for."""
    settings = wheelhouse.settings_of_uv()
    settings["PATH"] = f"{given('uvx').parent}:{home.environment['PATH']}"

    def run(lines, code=0):
        return finish(home.start(["sh", "-c", lines], env=home.environment | settings), code=code)

    return run


def pytest_terminal_summary(terminalreporter):
    """The line that `cargo xtask python` reads."""
    count = {name: len(terminalreporter.stats.get(name, [])) for name in ("passed", "failed", "error", "skipped")}
    failed = count["failed"] + count["error"]
    terminalreporter.write_line(f"pytest: {count['passed']} passed, {failed} failed, {count['skipped']} skipped")
