"""`hierdsl fmt` and `hierdsl show --expand`: what is written where, what is printed, and the exit codes."""

import os
import pty
import subprocess
import sys

import pytest
from click.testing import CliRunner

from hierdsl import compile_hierarchy, load
from hierdsl.cli import main

UGLY = "tree\n  a=1 # one\n  bb = 02\n"
NEAT = "tree\n    a  = 1  # one\n    bb = 2\n"
WRONG = "tree\n    a = = 1\n"
USER = 'use "neat.hier" as neat\n    rename a -> c\n'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in {"ugly": UGLY, "neat": NEAT, "wrong": WRONG}.items():
        (tmp_path / f"{name}.hier").write_text(text)
    return tmp_path


def run(*arguments, **options):
    result = CliRunner().invoke(main, arguments, **options)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


def test_files_are_rewritten_where_they_must_and_wrong_ones_left(folder):
    before = {name: (folder / name).stat().st_ino for name in ("neat.hier", "wrong.hier")}
    result = run("fmt", ".")
    assert result.exit_code == 1
    assert result.stdout == "1 file reformatted, 1 file unchanged, 1 file not formatted\n"
    assert result.stderr.startswith("error[H1")
    assert result.stderr.endswith("error: 'wrong.hier' has 1 error\n")
    assert (folder / "ugly.hier").read_text() == NEAT
    assert (folder / "wrong.hier").read_text() == WRONG
    assert {name: (folder / name).stat().st_ino for name in before} == before
    assert sorted(p.name for p in folder.iterdir()) == ["neat.hier", "ugly.hier", "wrong.hier"]


def test_errors_of_meaning_do_not_matter(folder):
    (folder / "ugly.hier").write_text("tree\n a=1\n a=1\n")
    assert run("fmt", "ugly.hier").exit_code == 0
    assert (folder / "ugly.hier").read_text() == "tree\n    a = 1\n    a = 1\n"


def test_check_writes_nothing(folder):
    result = run("fmt", "--check", "ugly.hier", "neat.hier", "helen")
    assert result.exit_code == 1
    assert result.stdout == "would reformat: ugly.hier\n1 file would be reformatted, 2 files unchanged\n"
    assert (folder / "ugly.hier").read_text() == UGLY
    assert run("fmt", "--check", "neat.hier").exit_code == 0


@pytest.mark.parametrize(("more", "code"), [([], 0), (["--check"], 1)])
def test_diff_is_one_that_patch_takes(folder, more, code):
    (folder / "ugly.hier").write_bytes(b"\xef\xbb\xbftree\r\n\r\n\r\n  a=1 # one\r\n  bb = 02")
    result = run("fmt", "--diff", *more, "ugly.hier", "neat.hier")
    assert result.exit_code == code
    assert result.stderr == "1 file would be reformatted, 1 file unchanged\n"
    (folder / "diff").write_bytes(result.stdout_bytes)
    subprocess.run(["patch", "--binary", "-s", "ugly.hier", "diff"], check=True)
    assert (folder / "ugly.hier").read_bytes() == NEAT.encode()


@pytest.mark.usefixtures("folder")
def test_standard_input_goes_to_standard_output():
    result = run("fmt", "-", input=UGLY)
    assert (result.exit_code, result.stdout, result.stderr) == (0, NEAT, "1 file reformatted\n")
    result = run("fmt", "-", input=WRONG)
    assert (result.exit_code, result.stdout) == (1, "")
    assert run("fmt", "--check", "-", input=UGLY).exit_code == 1


def test_permissions_stay_and_links_are_followed(folder):
    target = folder / "ugly.hier"
    target.chmod(0o640)
    (folder / "link.hier").symlink_to("ugly.hier")
    assert run("fmt", "link.hier").exit_code == 0
    assert (folder / "link.hier").is_symlink()
    assert target.read_text() == NEAT
    assert target.stat().st_mode & 0o777 == 0o640


def test_what_cannot_be_read_or_written_is_one_line(folder, monkeypatch):
    result = run("fmt", "nowhere.hier", "helen", "neat.hier")
    assert result.exit_code == 2
    first, second = result.stderr.splitlines()
    assert first.startswith("error: there is no file 'nowhere.hier'")
    assert second.startswith("error: 'helen' is a bundled hierarchy, which is not written to")
    assert result.stdout == "1 file unchanged, 2 files not formatted\n"
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write to everything
    result = run("fmt", "ugly.hier")
    assert result.exit_code == 2
    assert result.stderr == f"error: cannot write '{folder / 'ugly.hier'}': it is read-only\n"
    assert (folder / "ugly.hier").read_text() == UGLY


def on_a_terminal(*arguments, **env):
    leader, follower = pty.openpty()
    with os.fdopen(leader, "rb", buffering=0) as terminal:
        environ = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | {"TERM": "xterm"} | env
        with subprocess.Popen(
            [sys.executable, "-m", "hierdsl", *arguments], stdout=follower, stderr=follower, env=environ
        ):
            os.close(follower)
            shown = b""
            try:
                while part := terminal.read(65536):
                    shown += part
            except OSError:  # the program has ended
                pass
    return shown.decode()


def test_a_terminal_sees_colour_and_no_control_characters_of_a_file(folder):
    (folder / "ugly.hier").write_text('tree\n  "a\x1b[5m"=1\n')
    shown = on_a_terminal("fmt", "--diff", "ugly.hier")
    assert '\x1b[32m+    "a\\x1b[5m" = 1' in shown
    assert "\x1b[5m" not in shown
    assert "\x1b" not in on_a_terminal("fmt", "--diff", "ugly.hier", NO_COLOR="1")
    assert "\x1b[5m" not in on_a_terminal("show", "--expand", "ugly.hier")


def test_show_expand_prints_a_file_of_the_same_tables(folder):
    (folder / "user.hier").write_text(USER)
    result = run("show", "--expand", "user.hier")
    assert result.exit_code == 0
    text = "hierarchy user\n\ntree\n    c\n    bb\n\nlabels neat\n    c  = 1\n    bb = 2\n"
    assert result.stdout == text
    (folder / "alone.hier").write_text(result.stdout)
    alone, user = (compile_hierarchy(load(f"{name}.hier")) for name in ("alone", "user"))
    assert alone.hash == user.hash


@pytest.mark.usefixtures("folder")
def test_show_expand_fails_as_other_commands_do():
    result = run("show", "--expand", "wrong.hier")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.endswith("error: 'wrong.hier' has 1 error\n")
    result = run("show", "--expand", "--json", "neat.hier")
    assert result.exit_code == 2
    assert result.stderr == "error: --expand prints the whole file: leave out --level, --weights and --json\n"
    result = run("show", "--expand", "-", input="tree\n    a\nlabels \u0958\n    a = 1\n".encode())
    assert result.exit_code == 1
    assert "cannot be written as one file" in result.stderr
