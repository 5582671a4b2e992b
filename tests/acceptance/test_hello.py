"""`greenlithops hello`, as a user runs it: in a process of its own, on real files."""

import collections
import contextlib
import io
import json
import keyword
import os
import pty
import signal
import subprocess
import sys
import sysconfig
import time
import tokenize
from pathlib import Path

import psutil
import pytest

from greenlithops.cli.hello.corpus import installation, python_files
from support import scripts

HELLO = (sys.executable, "-c", "from greenlithops.cli import main; main()", "hello")
STDLIB = Path(sysconfig.get_path("stdlib"))


def hello(*arguments, status=0, **options):
    """Run the command to its end; return what it printed, and its errors."""
    done = subprocess.run(
        [*HELLO, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=scripts.LIMIT,
        check=False,
        **options,
    )
    assert done.returncode == status, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout, done.stderr


def names_of(source):
    """Return the identifiers of a source, as `tokenize` tells them."""
    tokens = tokenize.tokenize(io.BytesIO(source).readline)
    words = [token.string for token in tokens if token.type == tokenize.NAME]
    return [word for word in words if not keyword.iskeyword(word)]


def counted(folder):
    """Count the identifiers of a folder without greenlithops."""
    counts = collections.Counter()
    for path in folder.rglob("*.py"):
        with contextlib.suppress(SyntaxError, tokenize.TokenError, UnicodeError):
            counts.update(names_of(path.read_bytes()))
    return counts


def ranked(counts, number):
    """Return the most frequent of some counts, equal ones by name."""
    pairs = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"name": name, "count": count} for name, count in pairs[:number]]


@pytest.fixture
def tree(tmp_path):
    """A folder with good files in several encodings, and files that cannot be counted."""
    folder = tmp_path / "tree"
    deep = folder / "a" / "b"
    deep.mkdir(parents=True)
    good = {
        "plain.py": b"import os\nclass alpha:\n    def beta(self, gamma=0x1f): return gamma\n",
        "a/latin.py": "# coding: latin-1\nalpha = 'é'  # alpha\n".encode("latin-1"),
        "a/mark.py": "\N{ZERO WIDTH NO-BREAK SPACE}alpha = beta\n".encode(),
        "a/b/text.py": b"'''alpha \"\n'''\nx = r'\\\\' + \"it's\" + rb'q' # don't\nb = 1_0.5e-3j\n",
        "a/b/accents.py": "größe = alpha\r\nmatch = größe\r\n".encode(),
        "a/b/line.py": b"x = 'alpha\\\n beta'\nprint'y', 1if x else y, 1..real\n",
        "empty.py": b"",
    }
    bad = {
        "open.py": (b"alpha = (\n", "untokenizable"),
        "quotes.py": (b"alpha = '''beta\n", "untokenizable"),
        "unknown.py": (b"# coding: klingon\nalpha\n", "undecodable"),
        "wide.py": ("alpha = 1\n".encode("utf-16"), "undecodable"),
        "a/late.py": (b"x = 1\n" * 9 + b"alpha = '\xff'\n", "undecodable"),
    }
    for name, source in good.items():
        (folder / name).write_bytes(source)
    for name, (source, _) in bad.items():
        (folder / name).write_bytes(source)
    (folder / "notes.txt").write_text("alpha " * 100)
    (folder / "gone.py").symlink_to("nowhere")
    (folder / "loop").symlink_to(folder)
    (folder / "folder.py").mkdir()
    os.mkfifo(folder / "pipe.py")
    counts = collections.Counter(name for source in good.values() for name in names_of(source))
    return folder, counts, len(good) + len(bad), {name: kind for name, (_, kind) in bad.items()}


def test_the_answer_is_that_of_tokenize(tree):
    folder, counts, files, bad = tree
    out, errors = hello("--path", folder, "--json", "--top", "100")
    answer = json.loads(out)
    assert not errors
    assert answer["top"] == ranked(counts, 100)
    assert answer["distinct"] == len(counts)
    assert answer["occurrences"] == counts.total()
    assert answer["files"] == files
    assert answer["folders"] == [str(folder)]
    problems = {
        str(Path(problem["path"]).relative_to(folder)): problem["trouble"]
        for problem in answer["problems"]
    }
    assert problems == bad
    assert all(problem["reason"] for problem in answer["problems"])


def test_json_tells_what_it_cost(tree):
    answer = json.loads(hello("--path", tree[0], "--json")[0])
    assert answer["cpu_seconds"] > 0
    assert answer["speed_up"] == pytest.approx(answer["cpu_seconds"] / answer["seconds"])
    assert "one core was not timed" in answer["speed_up_means"]
    energy = answer["energy"]
    assert energy["kind"] in ("measured", "estimated")
    assert energy["method"] != "none"
    assert energy["calls"] == answer["calls"] > 1
    assert 0 < energy["joules_low"] <= energy["joules"]
    if energy["joules_high"] is None:  # who else meters here, or is in the way, leaves gaps
        assert energy["coverage"] < 1 or energy["reason"]
    else:
        assert energy["joules"] <= energy["joules_high"]
    assert energy["gco2e"] > 0
    assert energy["carbon_intensity"]["region"] == "world"


def test_plain_text_has_everything(tree):
    folder, counts, files, _ = tree
    out, errors = hello(
        "--path", folder, "--top", 3, env=os.environ | {"GREENLITHOPS_REGION": "ES"}
    )
    assert not errors
    assert "\x1b" not in out
    assert f"{files} Python files" in out
    for entry in ranked(counts, 3):
        assert any(
            line.split()[1:] == [entry["name"], str(entry["count"])] for line in out.splitlines()
        )
    facts = {line[:9].strip(): line[10:] for line in out.splitlines() if line[:1].isupper()}
    assert " s on " in facts["Time"]
    assert "over one core" in facts["Speed-up"]
    assert " J " in facts["Energy"]
    assert "ESP, 2023" in facts["Carbon"]
    assert ("ESTIMATE" in facts.get("Note", "")) == ("estimated" in facts["Energy"])
    assert facts["Left out"].startswith("3 cannot be decoded, 2 cannot be split into tokens")


def test_an_output_that_takes_ascii_only_is_no_obstacle(tree):
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii"}
    out, _ = hello("--path", tree[0], "--top", 100, env=ascii_only)
    assert r"gr\xf6\xdfe" in out


def test_a_part_of_the_standard_library():
    folder = STDLIB / "asyncio"
    answer = json.loads(hello("--path", folder, "--json", "--workers", 2)[0])
    assert answer["top"] == ranked(counted(folder), 10)
    assert answer["files"] == len(list(folder.rglob("*.py")))
    assert answer["bytes"] == sum(path.stat().st_size for path in folder.rglob("*.py"))
    assert 1 <= answer["workers"] <= 2


def test_by_default_it_reads_the_installation():
    folders = installation()
    assert all(not a.startswith(f"{b}/") for a in folders for b in folders)
    found = {source.path for source in python_files(folders)}
    for module in (json, pytest):
        assert os.path.realpath(module.__file__) in found
    assert len(found) > 1000


def test_a_terminal_gets_a_progress_bar(tree):
    ours, theirs = pty.openpty()
    process = subprocess.Popen([*HELLO, "--path", tree[0]], stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # how the kernel tells that the other end is closed
        while chunk := os.read(ours, 4096):
            shown += chunk
    os.close(ours)
    assert process.wait(scripts.LIMIT) == 0
    assert b"Counting identifiers" in shown
    assert b"alpha" in shown


def test_an_empty_folder_is_told_in_one_line(tmp_path):
    out, errors = hello("--path", tmp_path, status=1)
    assert not out
    assert errors == f"greenlithops: there is no .py file in {tmp_path}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--path", "/no/such/folder"),
        ("--workers", "0"),
        ("--top", "0"),
        ("--top", "many"),
        ("--no-such-option",),
    ],
    ids=" ".join,
)
def test_misuse_is_told_in_one_line(arguments):
    out, errors = hello(*arguments, status=2)
    assert not out
    assert errors.startswith("greenlithops: ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("moment", ["while it starts", "while calls run"])
def test_ctrl_c_ends_it_at_once(moment):
    source = "from greenlithops.cli import main; print(flush=True); main()"
    process = subprocess.Popen(
        [sys.executable, "-c", source, "hello", "--path", STDLIB],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()
    if moment == "while calls run":
        while not psutil.Process(process.pid).children():
            time.sleep(0.01)
        time.sleep(0.5)
    else:
        time.sleep(0.05)  # it imports now what it needs, which takes several times as long
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=scripts.LIMIT)
    # What it leaves behind, if anything, is found by the check that follows every test.
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_the_command_is_light_to_import():
    code = "import sys, greenlithops.cli; print('typer' in sys.modules, 'asyncio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
