"""`hierdsl validate`: forms, folders, --strict, the first hundred, colour."""

import json
import os
import pty
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from hierdsl.cli import main

GOOD = "tree\n    a = 1\n    b = 2\n"
BAD = "tree\n    a = 1\n    a = 2\n    c\n"
WARNED = "tree\n    a = 1\n    b\n"
MACHINE = ["concise", "github", "json", "sarif"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in {"good": GOOD, "bad": BAD, "warned": WARNED}.items():
        (tmp_path / f"{name}.hier").write_text(text)
    return tmp_path


def run(*arguments, **options):
    result = CliRunner().invoke(main, ["validate", *arguments], **options)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


def codes(form, stdout):
    """The codes that a form speaks of, in order."""
    if form == "json":
        return [d["code"] for d in json.loads(stdout)["diagnostics"]]
    if form == "sarif":
        return [r["ruleId"] for r in json.loads(stdout)["runs"][0]["results"]]
    after = "[" if form == "concise" else "title="
    return [line.split(after)[1][:4] for line in stdout.splitlines()]


# forms


@pytest.mark.parametrize("form", MACHINE)
@pytest.mark.usefixtures("folder")
def test_a_form_for_programs_has_all_files_on_standard_output_and_nothing_else(form):
    result = run("--format", form, "bad.hier", "good.hier", "warned.hier")
    assert result.exit_code == 1
    assert codes(form, result.stdout) == ["H203", "W301", "W301"]
    assert result.stderr == "bad.hier: 1 error, 1 warning\nwarned.hier: 0 errors, 1 warning\n"


@pytest.mark.parametrize("form", MACHINE)
@pytest.mark.usefixtures("folder")
def test_a_clean_file_is_silent_in_a_form_for_programs(form):
    result = run("--format", form, "good.hier", "-", input=GOOD)
    assert (result.exit_code, result.stderr) == (0, "")
    assert codes(form, result.stdout) == []


@pytest.mark.parametrize("form", MACHINE)
@pytest.mark.usefixtures("folder")
def test_an_unreadable_file_leaves_the_document_whole(form):
    result = run("--format", form, "none.hier", "bad.hier", "empty")
    assert result.exit_code == 2
    shown = [line for line in result.stdout.splitlines() if "title=hierdsl" not in line]
    assert codes(form, "\n".join(shown)) == ["H203", "W301"]
    assert "error: there is no file 'none.hier'" in result.stderr
    if form == "github":
        assert result.stdout.splitlines()[0].startswith("::error title=hierdsl::there is no file 'none.hier'")


@pytest.mark.usefixtures("folder")
def test_the_json_of_the_command_holds_the_schema(root):
    schema = json.loads((root / "docs" / "reference" / "diagnostics.schema.json").read_text("utf-8"))
    document = json.loads(run("--format", "json", "none.hier", "bad.hier", "good.hier", "helen").stdout)
    Draft202012Validator(schema).validate(document)
    assert [(f["file"].split("/")[-1], f["status"]) for f in document["files"]] == [
        ("none.hier", "unreadable"),
        ("bad.hier", "errors"),
        ("good.hier", "ok"),
        ("helen.hier", "ok"),
    ]


@pytest.mark.parametrize(("head", "newline"), [("\ufeff", "\n"), ("", "\r\n"), ("\ufeff", "\r\n")])
def test_a_mark_or_windows_line_ends_cost_the_offsets_only(folder, head, newline):
    (folder / "x.hier").write_bytes((head + BAD.replace("\n", newline)).encode())
    (folder / "y.hier").write_bytes(BAD.encode())
    results = json.loads(run("--format", "sarif", "x.hier", "y.hier").stdout)["runs"][0]["results"]
    first, second = (r["locations"][0]["physicalLocation"]["region"] for r in (results[0], results[2]))
    assert (second.pop("charOffset"), second.pop("charLength")) == (19, 1)
    assert first == second


def test_sarif_names_the_version(folder):
    from hierdsl import __version__  # noqa: PLC0415 - it loads on first use

    del folder
    driver = json.loads(run("--format", "sarif", "good.hier").stdout)["runs"][0]["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("hierdsl", __version__)


def test_an_unknown_form_is_a_wrong_use():
    assert run("--format", "xml", "helen").exit_code == 2


# strict and the hint


@pytest.mark.parametrize("form", ["full", *MACHINE])
@pytest.mark.usefixtures("folder")
def test_strict_makes_warnings_count(form):
    assert run("--format", form, "warned.hier").exit_code == 0
    assert run("--format", form, "--strict", "warned.hier").exit_code == 1
    assert run("--format", form, "--strict", "good.hier").exit_code == 0
    assert run("--format", form, "--strict", "warned.hier", "none.hier").exit_code == 2


@pytest.mark.usefixtures("folder")
def test_a_file_that_fails_by_strict_is_not_called_ok():
    assert run("--strict", "warned.hier").stdout == "warned.hier: 0 errors, 1 warning\n"


@pytest.mark.usefixtures("folder")
def test_the_full_form_says_once_where_to_read_more():
    hint = "for more about an error: hierdsl explain H203\n"
    result = run("warned.hier", "bad.hier", "bad.hier", "good.hier")
    assert result.stderr.count("hierdsl explain") == 1
    assert result.stderr.endswith(hint)
    assert "explain" not in run("warned.hier").stderr
    assert "explain" not in run("good.hier").stderr
    assert "explain" not in run("--format", "concise", "bad.hier").output


# folders


def test_a_folder_stands_for_the_files_below_it(folder):
    for name in ("d/b.hier", "d/a/c.hier", "d/.hidden/x.hier", "d/.#b.hier", "d/notes.txt", "d/a.hier"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(GOOD if name.endswith("hier") else "x")
    (folder / "d" / "folder.hier").mkdir()
    (folder / "d" / "loop").symlink_to(folder / "d")
    os.mkfifo(folder / "d" / "pipe.hier")
    result = run("d")
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == [
        "d/a/c.hier",
        "d/a.hier",
        "d/b.hier",
    ]
    assert (result.exit_code, result.stderr) == (0, "")
    # each file once, however it is reached
    assert run("d/b.hier", "d", "d/b.hier").stdout.count("d/b.hier") == 1


@pytest.mark.usefixtures("folder")
def test_the_folder_here_gives_plain_names():
    lines = run(".").stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == ["bad.hier", "good.hier", "warned.hier"]


def test_a_folder_without_any_file_is_a_wrong_use(folder):
    (folder / "empty" / ".hidden").mkdir(parents=True)
    (folder / "empty" / ".hidden" / "x.hier").write_text(GOOD)
    result = run("empty", "good.hier")
    assert (result.exit_code, result.stderr) == (2, "error: there is no .hier file in 'empty'\n")
    assert result.stdout.startswith("good.hier: ok")
    assert json.loads(run("--format", "json", "empty").stdout)["files"][0] == {
        "file": "empty",
        "status": "unreadable",
        "errors": 0,
        "warnings": 0,
        "reason": "there is no .hier file in 'empty'",
    }


def test_a_link_to_nowhere_in_a_folder_is_reported(folder):
    (folder / "d").mkdir()
    (folder / "d" / "x.hier").symlink_to(folder / "gone.hier")
    result = run("d")
    assert result.exit_code == 2
    assert "'d/x.hier'" in result.stderr


def test_a_folder_that_cannot_be_listed_is_one_line_and_the_rest_is_checked(folder, monkeypatch):
    (folder / "d" / "e").mkdir(parents=True)
    (folder / "d" / "x.hier").write_text(GOOD)
    scandir = os.scandir

    def refuse(path):  # root, whom the tests may run as, is refused nothing
        if str(path) == "d/e":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    result = run("d")
    assert (result.exit_code, result.stderr) == (2, "error: cannot read 'd/e': Permission denied\n")
    assert result.stdout.startswith("d/x.hier: ok")


def test_a_bundled_hierarchy_goes_before_a_folder_of_its_name(folder):
    (folder / "helen").mkdir()
    (folder / "helen" / "x.hier").write_text(GOOD)
    assert "ok, 11 classes" in run("helen").stdout
    assert run("helen/").stdout.startswith("helen/x.hier: ok, 2 classes")


# many diagnostics


def many(count):
    return "tree\n    a = 1\n" + "".join(f"    c{i} = {i}, {i}\n" for i in range(10, 10 + count))


def test_the_full_form_shows_the_first_hundred_and_counts_the_rest(folder):
    (folder / "many.hier").write_text(many(1334))
    result = run("many.hier")
    assert result.stderr.count("warning[W302]") == 100
    assert result.stderr.endswith("\n\n... and 1,234 more (--format concise lists all)\n\n")
    assert "1,334 warnings" in result.stdout
    assert len(run("--format", "concise", "many.hier").stdout.splitlines()) == 1334
    (folder / "hundred.hier").write_text(many(100))
    assert "more" not in run("hundred.hier").stderr


def test_errors_are_shown_before_warnings_where_not_all_are(folder):
    (folder / "many.hier").write_text(many(500) + "    a = 2\n    x [y=1]\n")
    result = run("many.hier")
    assert result.stderr.count("warning[") == 98
    first = [line[:11] for line in result.stderr.splitlines() if line.startswith(("error[", "warning["))]
    assert first[-2:] == ["error[H203]", "error[H204]"]  # in file order still


def test_other_commands_say_how_to_see_the_rest(folder):
    (folder / "many.hier").write_text(many(200) + "    a = 2\n")
    result = CliRunner().invoke(main, ["show", "many.hier"])
    assert "... and 101 more (hierdsl validate --format concise FILE lists all)\n" in result.stderr
    assert result.stderr.splitlines()[-1] == "error: 'many.hier' has 1 error"


def test_the_time_of_a_form_grows_with_the_file_and_not_with_its_square():
    from hierdsl import analyze  # noqa: PLC0415 - it loads on first use
    from hierdsl.diagnostics.concise import render_concise  # noqa: PLC0415 - only here

    line = "tree\n    a = " + ", ".join(["1"] * 20_001) + "\n    b = 2\n"  # all on one line, the worst case
    _, diagnostics = analyze(line)
    start = time.perf_counter()
    assert len({render_concise(d) for d in diagnostics}) == 20_000
    assert time.perf_counter() - start < 5  # a fifth of a second; with the square of it minutes


# the terminal


def on_terminal(arguments, **environment):
    """What a command writes to a terminal, which both its outputs are."""
    mine, theirs = pty.openpty()
    env = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    done = subprocess.Popen(
        [sys.executable, "-m", "hierdsl", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**env, **environment},
    )
    os.close(theirs)
    parts = []
    try:
        while part := os.read(mine, 65536):
            parts.append(part)
    except OSError:  # Linux ends a terminal so
        pass
    done.wait()
    os.close(mine)
    return b"".join(parts).decode()


@pytest.mark.parametrize(
    ("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)]
)
@pytest.mark.parametrize(
    "arguments",
    [["validate", "bad.hier"], ["validate", "none.hier"], ["show", "bad.hier"], ["explain", "H203"]],
    ids=" ".join,
)
@pytest.mark.usefixtures("folder")
def test_colour_is_for_terminals_and_no_color_is_obeyed(arguments, environment, coloured):
    shown = on_terminal(arguments, **environment)
    assert shown.strip()
    assert ("\x1b[" in shown) == coloured


@pytest.mark.parametrize("form", MACHINE)
@pytest.mark.usefixtures("folder")
def test_forms_for_programs_have_no_colour_even_on_a_terminal(form):
    assert "\x1b[" not in on_terminal(["validate", "--format", form, "bad.hier"])


def test_a_reader_that_stops_early_is_no_error(folder):
    (folder / "many.hier").write_text(many(3000))
    script = f"{sys.executable} -m hierdsl validate --format concise many.hier | head -n 1"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "many.hier:3:15: warning[W302] id 10 is listed twice\n"
    assert done.stderr in ("", "many.hier: 0 errors, 3,000 warnings\n")


def test_closed_standard_input_is_one_line():
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m hierdsl validate - <&-"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, "error: standard input is closed\n")


@pytest.mark.parametrize("form", ["full", *MACHINE])
def test_a_letter_that_the_output_does_not_know_is_no_error(folder, form):
    (folder / "x.hier").write_text("tree\n    straße\n    straße\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "hierdsl", "validate", "--format", form, "x.hier"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "not foreseen" not in done.stderr
    assert "stra" in (done.stderr if form == "full" else done.stdout)
