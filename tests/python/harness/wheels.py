"""A folder of wheels in place of a package index, where the names of the documentation lead to this package.

On the public index the names `hindsight-all`, `hindsight-client` and `hindsight-embed` are the original's. Here they
are wheels without files of their own that ask for ours, so that command lines which name them can be run.
"""

import base64
import hashlib
import shutil
import sys
import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import Path

from .home import Assets, Home

NAMES = ("hindsight_all", "hindsight_client", "hindsight_embed")


class Wheelhouse:
    """The folder, and what installs from it."""

    def __init__(self, wheel: Path, assets: Assets):
        self.folder = Path(tempfile.mkdtemp(prefix="hindsight-wheels-"))
        self.assets = assets
        shutil.copy(wheel, self.folder)
        distribution, version = wheel.name.split("-")[:2]
        with zipfile.ZipFile(wheel) as archive:
            entries = archive.read(f"{distribution}-{version}.dist-info/entry_points.txt").decode()
        for name in NAMES:
            write(self.folder, name, version, f"{distribution.replace('_', '-')}=={version}", entries)

    @contextmanager
    def environment(self):
        """A new virtual environment in a home of its own, where pip knows this folder only."""
        home = Home(self.assets)
        try:
            home.run([sys.executable, "-m", "venv", home.path / "venv"])
            home.scripts = home.path / "venv/bin"
            home.environment["PATH"] = f"{home.scripts}:{home.environment['PATH']}"
            home.environment |= {
                "PIP_NO_INDEX": "1",
                "PIP_FIND_LINKS": str(self.folder),
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            }
            yield home
        finally:
            home.close()

    def settings_of_uv(self):
        """Environment of a `uvx` that knows this folder only."""
        return {
            "UV_FIND_LINKS": str(self.folder),
            "UV_NO_INDEX": "1",
            "UV_OFFLINE": "1",
            "UV_PYTHON": sys.executable,
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_CACHE_DIR": str(self.folder / "cache"),
            "UV_NO_CONFIG": "1",
        }

    def close(self):
        shutil.rmtree(self.folder)


def write(folder, name, version, needs, entries):
    """Writes a wheel without files that needs another one, and has its programs."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Dist: {needs}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    # The others have the programs by what they need.
    if name == "hindsight_embed":
        files[f"{info}/entry_points.txt"] = entries
    record = "".join(f"{path},sha256={digest(text)},{len(text.encode())}\n" for path, text in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)


def digest(text):
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
