"""A home folder of its own, and the programs of the installed package that run in it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

# Nothing that a test runs takes this long, on a busy machine either; seconds.
LONGEST = 400
SCRIPTS = Path(sysconfig.get_path("scripts"))


@dataclass(frozen=True)
class Assets:
    """What was fetched ahead, so that no test needs a network."""

    models: Path
    postgres: Path


@dataclass(frozen=True)
class Ended:
    """How a program ended."""

    code: int
    out: str
    err: str

    def __str__(self):
        return f"ended with {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class Home:
    """Programs that run here see nothing of the environment of whoever runs the tests."""

    def __init__(self, assets: Assets, llm_url: "str | None" = None, scripts: Path = SCRIPTS):
        self.path = Path(tempfile.mkdtemp(prefix="hindsight-python-"))
        # Run by root, PostgreSQL is another user and has to get through.
        self.path.chmod(0o755)
        self.scripts = scripts
        self.environment = {
            "HOME": str(self.path),
            "PATH": f"{scripts}{os.pathsep}/usr/local/bin{os.pathsep}/usr/bin{os.pathsep}/bin",
            "LANG": "C.UTF-8",
            "HINDSIGHT_ASSETS_DIR": str(assets.models),
            "HINDSIGHT_PG_BIN_DIR": str(assets.postgres / "bin"),
        }
        if llm_url:
            self.environment |= {"HINDSIGHT_API_LLM_BASE_URL": llm_url, "OPENAI_API_KEY": "key of the tests"}

    @property
    def python_program(self):
        return self.scripts / "python"

    def start(self, command, **more) -> subprocess.Popen:
        """Starts a program; its own process group, so that all of it can be ended."""
        options = {"cwd": self.path, "env": self.environment, "stdin": subprocess.DEVNULL, "text": True}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [str(word) for word in command]
        return subprocess.Popen(command, start_new_session=True, **(options | pipes | more))

    def start_python(self, text, *arguments, **more) -> subprocess.Popen:
        """Starts a program that is written here."""
        file = self.path / f"program-{len(list(self.path.glob('program-*')))}.py"
        file.write_text(text, encoding="utf-8")
        return self.start([self.python_program, file, *arguments], **more)

    def run(self, command, *, code: "int | None" = 0, seconds=LONGEST) -> Ended:
        """Runs a program to its end; an error if it ends otherwise than it should."""
        return finish(self.start(command), code=code, seconds=seconds)

    def python(self, text, *arguments, code: "int | None" = 0, seconds=LONGEST) -> Ended:
        """Runs a program that is written here."""
        return finish(self.start_python(text, *arguments), code=code, seconds=seconds)

    def shell(self, line, *, code: "int | None" = 0) -> Ended:
        """Runs a line in a shell."""
        return self.run(["sh", "-c", line], code=code)

    def run_file(self, profile) -> "dict | None":
        """What the daemon of a profile says of itself; none if there is none."""
        folder = self.path / ".hindsight"
        file = folder / "daemon.run.json" if profile == "default" else folder / f"profiles/{profile}.run.json"
        try:
            return json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    def log(self, profile):
        """What the daemon of a profile has written."""
        folder = self.path / ".hindsight"
        file = folder / "daemon.log" if profile == "default" else folder / f"profiles/{profile}.log"
        return file.read_text(encoding="utf-8")

    def postmasters(self):
        """Process ids of the databases that run here."""
        pids = []
        for file in self.path.glob(".pg0/instances/*/data/postmaster.pid"):
            try:
                pids.append(int(file.read_text(encoding="utf-8").splitlines()[0]))
            except (FileNotFoundError, IndexError):
                continue
        return pids

    def close(self):
        """Ends what still runs here, and removes the folder."""
        files = [*self.path.glob(".hindsight/*.run.json"), *self.path.glob(".hindsight/profiles/*.run.json")]
        for file in files:
            try:
                end(json.loads(file.read_text(encoding="utf-8"))["pid"], signal.SIGTERM)
            except (FileNotFoundError, ValueError):
                continue
        for pid in self.postmasters():
            end(pid, signal.SIGQUIT)
        shutil.rmtree(self.path, ignore_errors=True)


def finish(process: subprocess.Popen, *, code: "int | None" = 0, seconds=LONGEST) -> Ended:
    """Waits for the end of a program; all of it is killed when that takes too long."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        ended = Ended(process.returncode, out, err)
        raise AssertionError(f"{process.args} did not end within {seconds} s and was killed\n{ended}") from None
    ended = Ended(process.returncode, out or "", err or "")
    if code is not None and ended.code != code:
        raise AssertionError(f"{process.args} {ended}")
    return ended


def is_alive(pid):
    """Whether a process runs. One that has ended and was not waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in ("Z", "X")


def wait_for_end(pid, seconds=180):
    """Whether a process ends within the time."""
    limit = time.monotonic() + seconds
    while is_alive(pid):
        if time.monotonic() > limit:
            return False
        time.sleep(0.02)
    return True


def end(pid, how):
    """Ends a process, by force if it does not want to."""
    for number in (how, signal.SIGKILL):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        if wait_for_end(pid, 30):
            return


if sys.platform != "linux":
    raise RuntimeError("these tests look at processes in the way of Linux")
