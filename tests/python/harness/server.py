"""A server of the installed package, as a process."""

import socket
import urllib.request
import time
from contextlib import contextmanager
from urllib.error import URLError

from .home import Home, finish

# The first start makes a database; seconds.
LONGEST_START = 300


@contextmanager
def serving(home: Home, port=0, **settings):
    """A healthy server in a home; its URL."""
    port = port or free_port()
    log = (home.path / f"server-{port}.log").open("w", encoding="utf-8")
    process = home.start(
        [home.scripts / "hindsight", "serve", "--port", port],
        env=home.environment | settings,
        stdout=log,
        stderr=log,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_healthy(process, url, log.name)
        yield url
    finally:
        process.terminate()
        finish(process, code=None)
        log.close()


def wait_until_healthy(process, url, log):
    limit = time.monotonic() + LONGEST_START
    while not is_healthy(url):
        if process.poll() is not None or time.monotonic() > limit:
            text = open(log, encoding="utf-8").read()
            raise AssertionError(f"the server is not healthy; it has ended with {process.poll()}:\n{text}")
        time.sleep(0.05)


def is_healthy(url):
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            return answer.status == 200
    except (URLError, OSError):
        return False


def free_port():
    """A port that nobody listens on just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
