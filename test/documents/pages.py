"""The pages of the project: their code blocks, their links and their sections."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[2]

# A link from a page to what GitHub has beside the files, such as ../../releases.
BESIDE_FILES = re.compile(r"(\.\./)+(releases|issues|discussions|security/advisories|actions)(/\S*)?$")


@dataclass(frozen=True)
class Block:
    """A block of code."""

    language: str
    line: int  # of the page, of its first line of code
    text: str

    @property
    def file_name(self) -> str | None:
        """The file that the block is, if a comment in its first line has the name of one."""
        first = self.text.partition("\n")[0]
        for pattern in (r"/\* (\S+?):?(?: .*)? \*/", r"// (\S+?)(?:: .*)?", r"# (\S+?)(?:: .*)?", r"<!-- (\S+?) -->"):
            found = re.fullmatch(pattern, first)
            if found and re.fullmatch(r"[\w.@/-]+\.[a-z]+", found[1]) and ".." not in found[1]:
                return found[1]
        return None


def blocks(page: Path) -> list[Block]:
    """The code blocks of a page, without the indentation of a block in a list."""
    found: list[Block] = []
    lines: list[str] = []
    indent = ""
    language: str | None = None
    begin = 0
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        fence = re.fullmatch(r"( *)```(\w*)", line)
        if language is None and fence:
            indent, language = fence[1], fence[2]
            begin, lines = number + 1, []
        elif language is not None and line == indent + "```":
            found.append(Block(language, begin, "".join(line + "\n" for line in lines)))
            language = None
        elif language is not None:
            lines.append(line.removeprefix(indent))
        else:
            assert "```" not in line, f"{page}:{number}: a fence that the tests of documents cannot read: {line}"
    assert language is None, f"{page}:{begin}: a block without an end"
    return found


def without_code(text: str) -> str:
    """A page without blocks of code, and with spans of code as their content."""
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S).replace("`", "")


def links(page: Path) -> Iterator[str]:
    """The links of a page to files, in each of their forms."""
    text = page.read_text("utf-8")
    if page.suffix == ".md":
        text = without_code(text)
        found = re.findall(r"\]\(\s*<?([^)\s>]+)", text) + re.findall(r"^ *\[[^\]]+\]: *(\S+)", text, re.M)
    else:
        found = []
    for link in found + re.findall(r"\b(?:href|src)=[\"']?([^\"'\s>]+)", text):
        if not re.match(r"[a-z]+:", link) and not BESIDE_FILES.match(link):
            yield unquote(link)


def sections(page: Path) -> set[str]:
    """What a link may name after #: the ids that GitHub gives to headings, and those of HTML."""
    text = page.read_text("utf-8")
    found = set(re.findall(r"\bid=[\"']?([\w-]+)", text))
    for head in re.findall(r"^#+ +(.*)", without_code(text), re.M):
        shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", head)
        name = re.sub(r"[^\w\- ]", "", shown.lower()).strip().replace(" ", "-")
        number = 0
        while (numbered := f"{name}-{number}" if number else name) in found:
            number += 1
        found.add(numbered)
    return found


def broken_links(page: Path) -> list[str]:
    """The links of a page that lead nowhere."""
    found = []
    for link in links(page):
        path, _, section = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (section and target.suffix != ".h" and section not in sections(target)):
            found.append(link)
    return found
