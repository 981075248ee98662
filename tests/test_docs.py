"""Every fenced block of every page is executed, page by page, top to bottom.

    ```hier NAME        written to NAME and validated: no diagnostics, and in canonical form
    ```hier NAME wrong  written to NAME, as it is
    ```toml NAME        written to NAME; yaml too
    ```python           run, the page's blocks sharing their names; with >>> as a doctest
    ```console          each line behind "$ " is run by a shell, and its output compared: "..." stands for
                        any text, on a line of its own for any lines
    ```console slow     the same, but only with HIERDSL_SLOW=1: what takes most of a minute

HIERDSL_REWRITE_GOLDEN=1 writes the outputs of console blocks without "..." into the pages; of commands that say
the same each time also those with it, where it is their own.
"""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import hierdsl

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
REWRITE = os.environ.get("HIERDSL_REWRITE_GOLDEN") == "1"
SLOW = os.environ.get("HIERDSL_SLOW") == "1"


EXACT = re.compile(r"hierdsl (validate|explain|show|fmt)\b|hierdsl .*--help$")


def run(command, folder):
    """What a shell prints, standard error included, on a machine without colours and 100 columns wide."""
    bin_folder = str(Path(sys.executable).parent)
    env = os.environ | {
        "PATH": bin_folder + os.pathsep + os.environ["PATH"],
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "PYTHONWARNINGS": "default",
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout


def make(target, flags=""):
    """The README's own commands: demo is run with a small training, test is looked up (it is running)."""
    if target == "demo":
        demo = f"make -C {ROOT} VENV={Path(sys.executable).parents[1]} DEMO=$PWD/demo"
        return (
            f"{demo} DEMO_FLAGS='--epochs 1 --faces 20,5 --size 32x32 --width 2' -o scripts/setup.sh {flags}"
        )
    return f"make -C {ROOT} -n {target}"


def matches(expected, found):
    pattern = re.escape(expected.rstrip("\n")).replace(r"\.\.\.", ".*?")
    return re.fullmatch(pattern, found.rstrip("\n"), re.DOTALL) is not None


def check_console(body, folder):
    """Run the commands of a console block; the block as it should be."""
    parts = re.split(r"^\$ ", body, flags=re.MULTILINE)
    assert parts[0] == "", "a console block starts with '$ '"
    shown = ""
    for part in parts[1:]:
        command, _, expected = part.partition("\n")
        while command.endswith("\\"):
            more, _, expected = expected.partition("\n")
            command += "\n" + more
        if command.startswith("make "):
            found = run(make(command.split()[1]), folder)
            assert "Error" not in found, found
            shown += f"$ {command}\n{expected}"
            continue
        found = run(command, folder)
        if REWRITE and ("..." not in expected or EXACT.match(command)):
            expected = found
        assert "Traceback" not in found, found
        assert matches(expected, found), f"$ {command}\n{found}\n--- instead of\n{expected}"
        shown += f"$ {command}\n{expected}"
    return shown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_blocks_of_a_page_do_what_it_says(page, tmp_path):
    text = page.read_text(encoding="utf-8")
    names = {"__name__": "__page__"}
    new = text
    previous = Path.cwd()
    os.chdir(tmp_path)
    try:
        for info, body in BLOCK.findall(text):
            language, *words = info.split()
            if language in ("hier", "toml", "yaml"):
                if words:
                    Path(words[0]).parent.mkdir(parents=True, exist_ok=True)
                    Path(words[0]).write_text(body, encoding="utf-8")
                if language == "hier" and "wrong" not in words:
                    _, diagnostics = hierdsl.analyze(body, path=words[0] if words else "page.hier")
                    assert not diagnostics, diagnostics
                    assert hierdsl.format_text(body) == body, "not in canonical form"
            elif language == "console" and "slow" in words and not SLOW:
                continue
            elif language == "console":
                shown = check_console(body, tmp_path)
                new = new.replace(f"```{info}\n{body}```", f"```{info}\n{shown}```")
            elif language == "python" and ">>>" in body:
                examples = doctest.DocTestParser().get_doctest(body, names, str(page), str(page), 0)
                runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
                runner.run(examples, clear_globs=False)
                names = examples.globs
                assert runner.summarize(verbose=False).failed == 0
            elif language == "python":
                exec(compile(body, str(page), "exec"), names)  # noqa: S102 - our own pages
            else:
                pytest.fail(f"a block of '{info}' is executed by nobody")
    finally:
        os.chdir(previous)
    if REWRITE and new != text:
        page.write_text(new, encoding="utf-8")


def test_every_page_can_be_reached_from_the_readme():
    seen, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen:
            continue
        seen.add(page)
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            target = (page.parent / link).resolve()
            assert target.exists(), f"{page}: {link}"
            if target.suffix == ".md":
                todo.append(target)
    assert seen >= set(PAGES)
