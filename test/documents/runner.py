"""Runs the code blocks of a page as its reader would: writes the files, runs the commands, compares what they print."""

from __future__ import annotations

import contextlib
import difflib
import functools
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from pages import ROOT, Block, blocks

LIMIT = 150  # seconds for all commands of a page
CODE = ("c", "cpp", "python")  # fragments, unless they are files
# Configuration of other programs, with the command that checks it. A page has to run that command.
CHECKED = {"conf": "nats-server -t -c", "haproxy": "haproxy -c -f"}
CONTENT = (*CODE, "toml", "cmake", "html", "json", "ini", *CHECKED)  # files, if their first line has a name
NOT_RUN = ("", "console", "bat", "powershell")
# Pages for the reader of a checkout. The others are for the reader of an installation.
OF_THE_CHECKOUT = ("README.md", "docs/install.md")
PRESET = ("MAKEFLAGS", "MAKELEVEL", "BUILD", "PYTHON", "LD_LIBRARY_PATH", "PYTHONPATH")  # and OBE_...
# The package, and a stand-in for optbayesexpt, which pages about it need.
PYTHON_PATH = f"{ROOT / 'bindings' / 'python'}:{ROOT / 'bindings' / 'python' / 'tests' / 'stand_in'}"

NATS_SERVER = ROOT / os.environ.get("BUILD", "build") / "documents" / "bin" / "nats-server"  # see build_nats_server

SECOND = {"c": "clang", "cpp": "clang++"}  # compilers
TOOLS = ("pkg-config", "cmake", "curl", "openssl", "valgrind", "haproxy", "nats-server")  # what not every reader has

# Kills every process that it has started, whatever it was, when it ends or is killed.
NAMESPACES = ["unshare", "--map-root-user", "--net", "--pid", "--fork", "--kill-child", "--"]

# Reads the blocks into one shell. Job control lets SIGINT reach background processes, as in a terminal. In the log are
# the size of the output before each block, and the line and the command that have failed.
SHELL = r"""
exec </dev/null >>terminal 2>&1
set -eEm
ip link set lo up 2>/dev/null || true
trap 'echo "failed $LINENO $BASH_COMMAND" >>log' ERR
. ./settings
cd page
"""
# What bash prints when a background process ends.
NOTICE = re.compile(r"^(\./\S+: line \d+: )?\[\d+\][+-]?\s.*\n?", re.M)


@functools.cache
def build_nats_server() -> str:
    """Build the NATS server of the tests, and nk, which makes keys, for the pages that run them.

    Returns why that is not possible, or nothing.
    """
    NATS_SERVER.parent.mkdir(parents=True, exist_ok=True)
    for output, package in (NATS_SERVER, "nats-server/v2"), (NATS_SERVER.with_name("nk"), "nkeys/nk"):
        command = [os.environ.get("GO", "go"), "build", "-C", ROOT / "test" / "nats", "-o", output]
        try:
            done = subprocess.run(
                [*command, f"github.com/nats-io/{package}"],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=600,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"nats-server cannot be built: {error}"
        if done.returncode != 0:
            return f"nats-server cannot be built: {done.stdout.strip()}"
    return ""


def works(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


isolated = works([*NAMESPACES, "ip", "link", "set", "lo", "up"])
"""Whether each page has its own network, so that several can use the same port at the same time."""


def environment(home: Path) -> dict[str, str]:
    """The environment of a reader, who has a compiler, Python and Go, and no settings for this project."""
    env = {name: value for name, value in os.environ.items() if name not in PRESET and not name.startswith("OBE_")}
    # haproxy is in /usr/sbin, which is not in the PATH of every user.
    env["PATH"] = f"{Path(sys.executable).parent}:{NATS_SERVER.parent}:{env['PATH']}:/usr/sbin"
    env.update(HOME=str(home), PYTHON=sys.executable, LC_ALL="C.UTF-8", PYTHONDONTWRITEBYTECODE="1")
    return env


def run(command: list[str | Path], directory: Path, env: dict[str, str], limit: float) -> tuple[int | None, str]:
    """Run a command in its own network, if possible. Returns its status, None after the limit, and its output."""
    # Not to a pipe: a process that outlives the command would keep it open.
    with open(directory / "printed", "w+", encoding="utf-8", errors="replace") as printed:
        words = [*(NAMESPACES if isolated else []), *map(str, command)]
        process = subprocess.Popen(
            words,
            cwd=directory,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        status = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = process.wait(limit)
        while kill_session(process.pid):
            pass
        process.wait()
        printed.seek(0)
        return status, printed.read()


def kill_session(leader: int) -> bool:
    """Kill the processes that a process has started, and itself. Returns False when all are dead."""
    found = False
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, _, session = path.read_text().rpartition(")")[2].split()[:4]
            if int(session) == leader and state != "Z":
                found = True
                # unshare ends when all processes of its namespace are dead.
                if not isolated or int(path.parent.name) != leader:
                    os.kill(int(path.parent.name), signal.SIGKILL)
    return found


def check_page(page: Path, directory: Path, settings: str) -> list[str]:
    """Run the blocks of a page, in a new directory; settings are commands of the shell that precede them.

    Returns the failures.
    """
    failures: list[str] = []
    found = blocks(page)

    def fail(block: Block, problem: str) -> None:
        name = page.relative_to(ROOT) if page.is_relative_to(ROOT) else page
        text = "".join(f"    {line}\n" for line in block.text.splitlines())
        failures.append(f"{name}:{block.line}: {problem}\n{text}")

    for block in found:
        problem = refusal(block, found)
        if problem:
            fail(block, problem)
    commands = [block for block in found if block.language == "sh"]
    if not commands or failures:
        return failures

    page_directory, files = directory / "page", directory / "files"
    files.mkdir(parents=True)
    if str(page.relative_to(ROOT) if page.is_relative_to(ROOT) else page) in OF_THE_CHECKOUT:
        link_checkout(page_directory)
        settings = ""
    else:
        page_directory.mkdir()
    (directory / "settings").write_text(settings, "utf-8")
    (directory / "script").write_text(script(found, files), "utf-8")
    status, trouble = run(["bash", "script"], directory, environment(directory), LIMIT)

    log = (directory / "log").read_text("utf-8").splitlines() if (directory / "log").exists() else []
    starts = [int(line.split()[1]) for line in log if line.startswith("block ")]
    failed = [line.split(" ", 2)[1:] for line in log if line.startswith("failed ")]
    output = (directory / "terminal").read_bytes() if (directory / "terminal").exists() else b""
    printed = [
        NOTICE.sub("", output[begin:end].decode("utf-8", "replace"))
        for begin, end in zip(starts, [*starts[1:], len(output)])
    ]
    if status != 0 and not printed:
        failures.append(f"{page}: the shell ended with {status}: {trouble}{output.decode('utf-8', 'replace')}")
    for number, (block, text) in enumerate(zip(commands, printed)):
        if status != 0 and number == len(printed) - 1:
            where = f"line {failed[0][0]} failed: {failed[0][1]}" if failed else f"ended with {status}"
            fail(block, where if status is not None else f"not finished after {LIMIT} s")
            failures[-1] += f"  It printed:\n{text}"
            break
        expected = output_after(block, found)
        if expected is not None and not matches(expected.text, text):
            fail(expected, "the commands print something else, + instead of -:")
            lines = difflib.unified_diff(expected.text.splitlines(), text.splitlines(), lineterm="", n=100)
            failures[-1] = failures[-1].split("\n")[0] + "\n" + "\n".join([*lines][3:]) + "\n"
    return failures


def refusal(block: Block, found: list[Block]) -> str | None:
    """Why no test can show that a block is right."""
    if block.language in (*NOT_RUN, "sh"):
        return None
    if block.language == "text":
        before = found.index(block) - 1
        alone = before < 0 or found[before].language != "sh"
        return "a block of output that follows no block of commands" if alone else None
    if block.language not in CONTENT:
        return f"no test knows blocks of {block.language}; use console, or no language, for what is not to be run"
    if block.file_name is None:
        known = block.language in (*CODE, "json")
        return None if known else f"a block of {block.language} needs a comment with the name of its file in line 1"
    if block.language == "ini":
        return None  # a unit of systemd; test_units checks it
    name = "cmake " if block.file_name == "CMakeLists.txt" else block.file_name
    if block.language in CHECKED:
        name = f"{CHECKED[block.language]} {name}"
    used = any(
        name in other.text for other in found if other is not block and (other.file_name or other.language == "sh")
    )
    return None if used else f"no command uses the file {block.file_name}, or checks it: {name}"


def output_after(block: Block, found: list[Block]) -> Block | None:
    """The block of text that follows a block of commands."""
    after = found[found.index(block) + 1 :]
    return after[0] if after and after[0].language == "text" else None


def script(found: list[Block], files: Path) -> str:
    """The script of a page. Each block of commands is a file whose line numbers are those of the page."""
    lines = [SHELL]
    for number, block in enumerate(found):
        path = files / str(number)
        if block.file_name and block.language in CONTENT:
            path.write_text(block.text, "utf-8")
            lines.append(f"cp --remove-destination {shlex.quote(str(path))} {block.file_name}\n")
        elif block.language == "sh":
            path.write_text("\n" * (block.line - 1) + block.text, "utf-8")
            lines.append(f"echo block $(stat -c %s ../terminal) >>../log\n. {shlex.quote(str(path))}\n")
    return "".join(lines).replace(">>log", f">>{shlex.quote(str(files.parent / 'log'))}")


def link_checkout(directory: Path) -> None:
    """A directory with the contents of the checkout, in which a page may add files."""
    directory.mkdir()
    for path in ROOT.iterdir():
        if path.name != ".git":
            (directory / path.name).symlink_to(path)


def matches(expected: str, printed: str) -> bool:
    """Whether output is as expected, where … stands for any text in a line and a line … for any lines."""
    pattern = ""
    for line in expected.rstrip().splitlines():
        if line.strip() == "…":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += "[^\n]*".join(map(re.escape, line.rstrip().split("…"))) + r"[ \t]*\n"
    return re.fullmatch(pattern, printed.rstrip() + "\n") is not None


def compile_fragment(block: Block, compiler: str, directory: Path, include: Path) -> str:
    """Compile a fragment of C or C++ in a function. Returns what the compiler says."""
    standard, suffix = ("-std=c99", ".c") if block.language == "c" else ("-std=c++11", ".cpp")
    source = directory / f"fragment{suffix}"
    outside: list[str] = []
    inside: list[str] = []
    for paragraph in block.text.split("\n\n"):
        lines = paragraph.splitlines()
        outside += [line for line in lines if line.startswith("#")]
        rest = [line for line in lines if not line.startswith("#")]
        (outside if re.match(r"static |struct |class |template|extern ", "\n".join(rest)) else inside).extend(rest)
    preamble = (Path(__file__).parent / f"preamble{suffix}").read_text("utf-8")
    text = "\n".join([preamble, *outside, "int fragment()" if suffix == ".cpp" else "int fragment(void)", "{"])
    source.write_text("\n".join([text, *inside, "return 0;", "}", ""]), "utf-8")
    warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wno-unused-variable", "-Wno-unused-but-set-variable"]
    # Only when it generates code does gcc warn about a status that is ignored.
    action = ["-c", "-o", directory / "fragment.o"] if block.language == "c" else ["-fsyntax-only"]
    command: list[str | Path] = [*shlex.split(compiler), standard, *warnings, "-I", include, *action, source]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120
    )
    return "" if done.returncode == 0 else done.stdout or f"{compiler} ended with {done.returncode}"


def run_fragment(block: Block, directory: Path, library: Path) -> str:
    """Run a fragment of Python after the preamble. Returns what it prints, if it fails."""
    source = directory / "fragment.py"
    source.write_text(block.text, "utf-8")
    env = environment(directory)
    env.update(PYTHONPATH=PYTHON_PATH, OBE_LIBRARY=str(library))
    status, printed = run(
        [
            "bash",
            "-c",
            'ip link set lo up 2>/dev/null; exec "$@"',
            "-",
            sys.executable,
            Path(__file__).parent / "preamble.py",
            source,
        ],
        directory,
        env,
        60,
    )
    return "" if status == 0 else printed + f"ended with {status}"


def tools_of(found: list[Block]) -> list[str]:
    """The tools that the commands of a page use."""
    commands = "\n".join(block.text for block in found if block.language == "sh")
    return [tool for tool in TOOLS if re.search(rf"\b{re.escape(tool)}\b", commands)]


def check_fragment(block: Block, directory: Path, prefix: Path) -> list[str]:
    """What is wrong with a fragment."""
    if block.language == "python":
        said = [run_fragment(block, directory, prefix / "lib" / "libobe.so")]
    else:
        said = [
            compile_fragment(block, compiler, directory, prefix / "include")
            for compiler in found_compilers(block.language)
        ]
    return [text for text in said if text]


def found_compilers(language: str) -> list[str]:
    own = os.environ.get("CC" if language == "c" else "CXX", "cc" if language == "c" else "c++")
    return [own, *([SECOND[language]] if shutil.which(SECOND[language]) else [])]
