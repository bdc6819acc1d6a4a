"""A program that a test talks to, line by line, so that both know how far the other is."""

import os
import signal
import subprocess
import threading
from contextlib import contextmanager

from .home import LONGEST, Home


class Talk:
    """Started in a home; all of it is killed when it takes too long.

    It says how far it is by lines on standard output, and may wait for lines on standard input.
    """

    def __init__(self, home: Home, text, *arguments, **more):
        self.errors = (home.path / f"errors-{id(self)}").open("w+", encoding="utf-8")
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.errors}
        self.process = home.start_python(text, *arguments, **pipes, **more)
        self._timer = threading.Timer(LONGEST, self.kill)
        self._timer.start()

    @property
    def pid(self):
        return self.process.pid

    def hear(self):
        """The next line that it says; an error if it has ended instead."""
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"it said nothing more and ended with {self.process.wait()}\n{self.complaints()}")
        return line.rstrip("\n")

    def expect(self, line):
        """What it says next must be this."""
        heard = self.hear()
        assert heard == line, f"expected {line!r}, heard {heard!r}\n{self.complaints()}"

    def say(self, line=""):
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    @contextmanager
    def asking(self, llm):
        """A line that makes it ask the model, which has been asked and does not answer in here."""
        with llm.holding():
            llm.clear()
            self.say()
            llm.wait_until_asked()
            yield

    def interrupt(self):
        """As Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)

    def kill(self):
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def finish(self, code=0):
        """Waits for its end; what else it said."""
        rest = self.process.stdout.read()
        ended = self.process.wait()
        self._timer.cancel()
        assert ended == code, f"it ended with {ended}, not {code}\n{rest}\n{self.complaints()}"
        return rest

    def complaints(self):
        """What it wrote to standard error."""
        self.errors.flush()
        with open(self.errors.name, encoding="utf-8") as file:
            return file.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._timer.cancel()
        if self.process.poll() is None:
            self.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            stream.close()
