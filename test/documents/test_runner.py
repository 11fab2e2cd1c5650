"""The tests of documents find what is wrong."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import runner
from pages import Block, blocks, broken_links, sections


def check(tmp_path: Path, text: str) -> str:
    """The failures of a page."""
    page = tmp_path / "page.md"
    page.write_text(text.replace("~~~", "```"), "utf-8")
    return "\n".join(runner.check_page(page, tmp_path / "run", "export SETTING=set\n"))


def test_right_page(tmp_path: Path) -> None:
    assert (
        check(
            tmp_path,
            "~~~python\n# hello.py: a file\nprint('hello')\n~~~\nthen\n~~~sh\ncd .\na=1\n~~~\n- a list\n"
            "  ~~~sh\n  python3 hello.py\n  echo $a $SETTING\n  echo more\n  ~~~\n"
            "prints\n~~~text\nhel…\n1 set\n…\n~~~\n~~~console\nno such program\n~~~\n~~~\nwhatever\n~~~\n"
            "~~~python\n# hello.py\nprint('new')\n~~~\n~~~sh\npython3 hello.py\n~~~\n~~~text\nnew\n~~~\n",
        )
        == ""
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("~~~sh\ntrue\nfalse\ntrue\n~~~", "page.md:2: line 3 failed: false"),
        ("~~~sh\ntrue\n~~~\n~~~sh\nnone | cat; no_such_program\n~~~", "no_such_program: command not found"),
        ("~~~sh\necho a\necho c\n~~~\n~~~text\na\nb\n~~~", "page.md:6: the commands print something else"),
        ("~~~sh\necho a\necho b\n~~~\n~~~text\na\n~~~", "+b"),
        ("~~~sh\necho a\n~~~\n~~~text\na\n…\nb\n~~~", "-b"),
        ("~~~text\na\n~~~", "page.md:2: a block of output that follows no block of commands"),
        ("~~~ruby\nputs 1\n~~~", "page.md:2: no test knows blocks of ruby"),
        ("~~~toml\na = 1\n~~~", "page.md:2: a block of toml needs a comment with the name of its file"),
        ("~~~c\n/* a.c */\n~~~\n~~~sh\ntrue\n~~~", "page.md:2: no command uses the file a.c"),
        ("~~~conf\n# a.conf\n~~~\n~~~sh\ncat a.conf\n~~~", "page.md:2: no command uses the file a.conf, or checks it"),
        ("~~~haproxy\n# a.cfg\n~~~\n~~~sh\nhaproxy -f a.cfg\n~~~", "checks it: haproxy -c -f a.cfg"),
        ("~~~ini\n[Unit]\n~~~", "page.md:2: a block of ini needs a comment with the name of its file"),
        ("~~~sh\nexit 3\n~~~", "page.md:2: ended with 3"),
    ],
)
def test_wrong_page(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in check(tmp_path, text)


@pytest.fixture(params=[False, True])
def isolation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to run a page."""
    if request.param and not runner.isolated:
        pytest.skip("this system does not permit unshare --map-root-user --net --pid")
    monkeypatch.setattr(runner, "isolated", request.param)


def running(command: str) -> bool:
    """Whether a process has these arguments."""
    arguments = b"\0".join(word.encode() for word in command.split()) + b"\0"
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes() == arguments:
                return True
    return False


@pytest.mark.usefixtures("isolation")
def test_page_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LIMIT", 2)
    assert "page.md:2: not finished after 2 s" in check(tmp_path, f"~~~sh\necho begun\ntail -F {tmp_path}/a\n~~~\n")
    assert not running(f"tail -F {tmp_path}/a")


@pytest.mark.usefixtures("isolation")
def test_processes_in_the_background(tmp_path: Path) -> None:
    """Ctrl-C reaches them, and they end with the page."""
    text = (
        "~~~sh\nmkfifo begun\n"
        'python3 -c \'import signal; open("begun", "w").close(); signal.pause()\' 2>caught &\n'
        "cat begun\nkill -INT $!\nwait $! || grep -c KeyboardInterrupt caught\n"
        f"tail -F {tmp_path}/a 2>error &\n~~~\n~~~text\n1\n~~~\n"
    )
    assert check(tmp_path, text) == ""
    assert not running(f"tail -F {tmp_path}/a")


INCLUDE = Path(__file__).resolve().parents[2] / "include"


@pytest.mark.parametrize(
    ("language", "text", "problem"),
    [
        ("c", 'obe_close(client);\n\nstatic int f(void) { return 1; }\n\nprintf("%d\\n", f());\n', ""),
        ("c", "obe_close(server, 1);\n", "too many arguments"),
        ("c", 'obe_tcmd(client, "{}", -1, buffer, sizeof buffer, &length, 1);\n', "ignoring return value"),
        ("cpp", "client.newdat(setting, measure(setting[0]), 0.005);\n", ""),
        ("cpp", "client.newdata(setting);\n", "newdata"),
    ],
)
def test_fragments(tmp_path: Path, language: str, text: str, problem: str) -> None:
    for compiler in runner.found_compilers(language):
        said = runner.compile_fragment(Block(language, 1, text), compiler, tmp_path, INCLUDE)
        assert problem in said if problem else said == ""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("setting = client.goodset(4)\nclient.newdat(setting, measure(setting[0]), 0.005)\n", ""),
        ("Client(port=61981).wait_ready(10)\n", ""),
        ("server = Server(port=61981)\n@server.command\ndef ready():\n    return 1\nserver.run()\n", ""),
        ("Socket('server').serve(lambda request: request.reply(request.value))\n", ""),
        ("client.best()\n", "AttributeError"),
    ],
)
def test_fragments_of_python(tmp_path: Path, prefix: tuple[Path, str], text: str, problem: str) -> None:
    said = runner.run_fragment(Block("python", 1, text), tmp_path, prefix[0] / "lib" / "libobe.so")
    assert problem in said if problem else said == ""


def test_links(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# One `two`\n## One two\n### A [link](other.md)!\n<a id=three></a>\n")
    assert sections(tmp_path / "other.md") == {"one-two", "one-two-1", "a-link", "three"}
    page = tmp_path / "page.md"
    page.write_text(
        "[a](other.md#one-two) [b](other.md#four) [c](gone.md) ![d](gone.png) [e](https://x.org) [f](../../releases) "
        "[g](#here)\n# Here\n```c\n[](int i)\n```\n[h]: gone2.md\n"
    )
    assert broken_links(page) == ["other.md#four", "gone.md", "gone.png", "gone2.md"]


def test_blocks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```c\na;\n```\n1. x\n   ```cpp\n   // b.cpp\n     b;\n   ```\n")
    assert blocks(page) == [Block("c", 2, "a;\n"), Block("cpp", 6, "// b.cpp\n  b;\n")]
    assert blocks(page)[1].file_name == "b.cpp"
