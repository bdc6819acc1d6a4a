"""Examples of a document in Markdown."""

import re
from dataclasses import dataclass
from pathlib import Path

HEADING = re.compile(r"^#{1,6} +(?P<text>.+?)\s*$")
FENCE = re.compile(r"^(?P<fence>`{3,})(?P<language>[\w-]*)\s*$")
# What a reader would run. A fence without a language is a drawing or an output.
LANGUAGES = ("python", "bash", "console")


@dataclass(frozen=True)
class Block:
    """One example, word for word."""

    heading: str
    number: int
    language: str
    line: int
    text: str

    def __str__(self):
        return f"{self.heading} #{self.number} ({self.language}, line {self.line})"


class Document:
    """The examples of a document, in order, by the heading that they stand below."""

    def __init__(self, path: Path):
        self.path = path
        self.blocks = list(read(path.read_text(encoding="utf-8")))

    def get(self, heading: str, number: int) -> Block:
        for block in self.blocks:
            if (block.heading, block.number) == (heading, number):
                return block
        raise LookupError(f"{self.path.name} has no example {number} below “{heading}”")


def read(text):
    heading, counts, inside = "", {}, None
    for number, line in enumerate(text.splitlines(), 1):
        if inside is not None:
            fence, language, first, lines = inside
            if line.strip() != fence:
                lines.append(line)
                continue
            inside = None
            if language in LANGUAGES:
                count = counts[heading] = counts.get(heading, -1) + 1
                yield Block(heading, count, language, first, "\n".join(lines) + "\n")
        elif found := FENCE.match(line):
            inside = (found["fence"], found["language"], number, [])
        elif found := HEADING.match(line):
            heading = found["text"]
    if inside is not None:
        raise ValueError(f"the example that begins in line {inside[2]} does not end")


@dataclass(frozen=True)
class Line:
    """A line for a shell, and what it prints according to the document."""

    command: str
    output: str


def transcript(text: str) -> list[Line]:
    """The lines of an example for a shell. Without `$ ` in front of commands all lines are commands."""
    if not any(line.startswith("$ ") for line in text.splitlines()):
        commands = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
        return [Line(command, "") for command in commands]
    lines = []
    for line in text.splitlines():
        if line.startswith("$ "):
            lines.append((line[2:], []))
        elif lines and line.strip() and not line.startswith("#"):
            lines[-1][1].append(line)
    return [Line(command, "\n".join(output)) for command, output in lines]
