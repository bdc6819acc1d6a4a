"""Examples of a document as tests: every test says which it runs, and none may be left out."""

import pytest

from .blocks import Document


def document_or_skip(path, why):
    """A document; whoever needs it is skipped where it is not."""
    if not path.exists():
        pytest.skip(f"{why}: {path.name} is not there")
    return Document(path)


def blocks_of(request, document):
    """The examples that a test is for."""
    heading, *numbers = request.node.get_closest_marker("runs").args
    return [document.get(heading, number) for number in numbers or [0]]


def left_out(module, document):
    """The examples of a document that no test of a module runs."""
    named = set()
    for name in dir(module):
        for mark in getattr(getattr(module, name), "pytestmark", []):
            if mark.name == "runs":
                heading, *numbers = mark.args
                named |= {(heading, number) for number in numbers or [0]}
    return [str(block) for block in document.blocks if (block.heading, block.number) not in named]


def program(*parts):
    """One program of several parts, each under a line that says what it is."""
    return "\n".join(f"# -- {name}\n{text}" for name, text in parts if text)
