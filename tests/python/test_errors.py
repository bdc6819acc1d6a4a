"""What goes wrong is an exception of a type that says what."""

import asyncio
import pickle

import pytest
from hindsight import HindsightEmbedded, HindsightServer, start_server
from hindsight_client import Hindsight
from hindsight_client import exceptions as raised

from harness.server import free_port

TYPES = {
    400: "BadRequestException",
    401: "UnauthorizedException",
    403: "ForbiddenException",
    404: "NotFoundException",
    409: "ApiException",
    422: "ApiException",
    429: "ApiException",
    500: "ServiceException",
    503: "ServiceException",
}


@pytest.fixture
def plain(plain_server):
    with Hindsight(base_url=plain_server) as client:
        yield client


CALLS = [
    lambda client: client.retain(bank_id="b", content="A text"),
    lambda client: client.recall(bank_id="b", query="A question"),
    lambda client: client.reflect(bank_id="b", query="A question"),
    lambda client: client.list_memories(bank_id="b"),
    lambda client: client.create_bank(bank_id="b", name="A bank"),
    lambda client: client.get_bank_config(bank_id="b"),
    lambda client: client.delete_bank(bank_id="b"),
]


@pytest.mark.parametrize("status", TYPES)
def test_every_status_has_its_type(client, answers, status):
    answers.status, answers.body = status, {"detail": "this is why"}
    answers.headers = {"X-Told": "yes"}
    expected = getattr(raised, TYPES[status])
    for call in CALLS:
        with pytest.raises(expected) as caught:
            call(client)
        error = caught.value
        assert isinstance(error, raised.ApiException)
        assert error.status == status
        assert "this is why" in str(error.body) and "this is why" in str(error)
        assert {name.lower(): value for name, value in dict(error.headers).items()}["x-told"] == "yes"


def test_asynchronous_calls_raise_the_same(client, answers):
    answers.status, answers.body = 404, {"detail": "there is no bank b"}
    with pytest.raises(raised.NotFoundException, match="there is no bank b"):
        asyncio.run(client.arecall(bank_id="b", query="A question"))
    with pytest.raises(raised.NotFoundException):
        asyncio.run(client.banks.delete_bank("b"))


def test_a_server_refuses_what_it_cannot_do(plain):
    with pytest.raises(raised.BadRequestException) as caught:
        plain.create_bank(bank_id="errors")
        plain.reflect(bank_id="errors", query="Who am I?")
    assert "HINDSIGHT_API_LLM_PROVIDER" in caught.value.body
    with pytest.raises(raised.NotFoundException):
        plain.recall(bank_id="nobody's", query="Who am I?")
    for bad in ({"content": ""}, {"content": "A text", "timestamp": "someday"}):
        with pytest.raises(raised.ApiException) as caught:
            plain.retain(bank_id="errors", **bad)
        assert caught.value.status == 422
    assert plain.list_memories(bank_id="errors").items == [], "nothing half-written"


def test_bad_arguments_are_told_before_anything_is_sent(client, answers):
    for call in (
        lambda: client.retain(bank_id="b"),
        lambda: client.retain(bank_id="b", content=7),
        lambda: client.recall(bank_id="b", query="A question", no_such_argument=1),
        lambda: client.retain_batch(bank_id="b", items="A text"),
    ):
        with pytest.raises((TypeError, ValueError)):
            call()
    with pytest.raises(TypeError, match=r"\brecall\(\) got an unexpected .*'querry'"):
        client.recall(bank_id="b", querry="A question")
    assert answers.requests == []


def test_what_this_version_does_not_have_is_refused():
    """Not left out in silence, and with what to do instead."""
    with pytest.raises(NotImplementedError, match="leave ui out.*list_memories"):
        HindsightEmbedded(profile="ui", ui=True)
    for start in (HindsightServer, start_server):
        with pytest.raises(NotImplementedError, match="leave mcp_enabled out"):
            start(mcp_enabled=True)


def test_exceptions_can_be_made_and_sent(client, answers):
    """For doubles in tests of programs, and from process to process."""
    assert raised.NotFoundException(status=404).status == 404
    answers.status, answers.body = 404, {"detail": "there is no bank b"}
    with pytest.raises(raised.NotFoundException) as caught:
        CALLS[1](client)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), str(copy)) == (raised.NotFoundException, str(caught.value))
    assert "there is no bank b" in str(copy) and copy.headers == caught.value.headers


def test_busy_servers_are_asked_again(answers):
    answers.status, answers.body, answers.headers = 503, {"detail": "later"}, {"Retry-After": "0"}
    with Hindsight(base_url=answers.url, max_attempts=3) as client:
        for call, times in ((CALLS[1], 3), (CALLS[2], 3), (CALLS[0], 1)):
            answers.requests.clear()
            with pytest.raises(raised.ServiceException):
                call(client)
            assert len(answers.requests) == times, "a retain is never sent twice, what only reads is"


def test_nobody_listens():
    with Hindsight(base_url=f"http://127.0.0.1:{free_port()}") as client:
        for call in CALLS:
            with pytest.raises(ConnectionError, match="127.0.0.1"):
                call(client)


def test_a_server_that_is_silent(answers):
    answers.is_silent = True
    with Hindsight(base_url=answers.url, timeout=0.3, max_attempts=1) as client:
        for call in CALLS[:3]:
            with pytest.raises(TimeoutError):
                call(client)
        with pytest.raises(TimeoutError):
            asyncio.run(client.arecall(bank_id="b", query="A question"))


def test_an_answer_that_is_cut_off(client, answers):
    answers.body, answers.is_cut = {"results": []}, True
    with pytest.raises(ConnectionError):
        CALLS[1](client)


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b'{"results": 7}', b'{"results": [{"id": 1}]}'])
def test_an_answer_that_is_none(client, answers, body):
    answers.body = body
    with pytest.raises(Exception) as caught:
        CALLS[1](client)
    assert not isinstance(caught.value, (AttributeError, KeyError, IndexError, TypeError, SystemError)), caught.value


@pytest.mark.parametrize("url", ["", "localhost:8888", "ftp://localhost", "http://", "http://local host"])
def test_a_base_url_that_is_none(url):
    with pytest.raises(ValueError):
        Hindsight(base_url=url).recall(bank_id="b", query="A question")


def test_keys_are_sent_and_not_shown(answers):
    with Hindsight(base_url=f"{answers.url}/", api_key="secret-key", user_agent="tests/1") as client:
        answers.status = 401
        with pytest.raises(raised.UnauthorizedException) as caught:
            CALLS[1](client)
        assert "secret-key" not in repr(client) + str(caught.value) + repr(caught.value)
    method, path, headers, _ = answers.requests[0]
    headers = {name.lower(): value for name, value in headers.items()}
    assert (method, path) == ("POST", "/v1/default/banks/b/memories/recall")
    assert headers["authorization"] == "Bearer secret-key"
    assert headers["user-agent"].startswith("tests/1 hindsight-client-python/")


def test_ids_are_escaped(client, answers):
    answers.status, answers.body = 404, {"detail": "no"}
    with pytest.raises(raised.NotFoundException):
        client.delete_bank(bank_id="a/b ä?#%")
    assert answers.requests[0][1] == "/v1/default/banks/a%2Fb%20%C3%A4%3F%23%25"
