import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from language.strategies import any_text

from hierdsl import CompiledHierarchy, compile_hierarchy, load
from hierdsl.cli import main

GOOD = "tree\n    a = 1\n    b = 2\n"
BAD = "tree\n    a = 1\n    a = 2\n"
WARNED = "tree\n    a = 1\n    b\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.hier").write_text(GOOD)
    (tmp_path / "bad.hier").write_text(BAD)
    (tmp_path / "warned.hier").write_text(WARNED)
    (tmp_path / "broken.hier").write_bytes(b"\xff\xfe")
    (tmp_path / "empty.hier").write_bytes(b"")
    (tmp_path / "a folder").mkdir()
    return tmp_path


def run(*arguments, **options):
    result = CliRunner().invoke(main, list(arguments), **options)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    assert "Traceback" not in result.output
    return result


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# validate


@pytest.mark.parametrize(
    ("files", "code", "output"),
    [
        (["good.hier"], 0, "good.hier: ok, 2 classes, 0 inner nodes, 1 level, 2 ids\n"),
        (["warned.hier"], 0, "warned.hier: ok, 2 classes, 0 inner nodes, 1 level, 1 id, 1 warning\n"),
        (["bad.hier"], 1, "bad.hier: 1 error, 0 warnings\n"),
        (["empty.hier"], 1, "empty.hier: 1 error, 0 warnings\n"),
        (["broken.hier"], 1, "broken.hier: 1 error, 0 warnings\n"),
        (["none.hier"], 2, ""),
        (["a folder"], 2, ""),
    ],
)
@pytest.mark.usefixtures("folder")
def test_validate_says_in_a_line_how_a_file_is(files, code, output):
    result = run("validate", *files)
    assert (result.exit_code, result.stdout) == (code, output)


@pytest.mark.usefixtures("folder")
def test_validate_of_several_files_gives_each_its_line_and_the_worst_code():
    result = run("validate", "good.hier", "none.hier", "bad.hier", "helen")
    assert result.exit_code == 2
    lines = result.stdout.splitlines()
    assert [line.split(":")[0] for line in lines[:2]] == ["good.hier", "bad.hier"]
    assert "helen.hier: ok, 11 classes" in lines[2]
    assert "error: there is no file 'none.hier'" in result.stderr
    assert "error[H203]: class 'a' is already defined" in result.stderr
    assert run("validate", "good.hier", "bad.hier", "good.hier").exit_code == 1


def test_validate_reads_standard_input():
    result = run("validate", "-", input=BAD)
    assert (result.exit_code, result.stdout) == (1, "<stdin>: 1 error, 0 warnings\n")
    assert "--> <stdin>:3:5" in result.stderr
    assert run("validate", "-", input=GOOD).exit_code == 0


def test_validate_counts_ignored_ids_and_names_the_maps(folder):
    (folder / "x.hier").write_text(GOOD + "labels\n    ignore = 0, 255\nlabels other\n    a = 3\n")
    assert run("validate", "x.hier").stdout == (
        "x.hier: ok, 2 classes, 0 inner nodes, 1 level, 2 ids (+ 2 ignored), label maps: other\n"
    )


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no file here that never ends")
def test_a_file_that_never_ends_is_too_large():
    done = run("validate", "/dev/zero")
    assert done.exit_code == 1
    assert "error[H901]: the file has more than 67,108,864 bytes (64 MiB)" in done.output


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_one_line(folder):
    (folder / "good.hier").chmod(0)
    result = run("validate", "good.hier")
    assert (result.exit_code, result.stderr) == (2, "error: cannot read 'good.hier': Permission denied\n")


@pytest.mark.usefixtures("folder")
def test_a_folder_is_no_file_for_the_other_commands():
    result = run("show", "a folder")
    assert (result.exit_code, result.stderr) == (2, "error: cannot read 'a folder': Is a directory\n")


def test_a_file_name_cannot_speak_to_the_terminal():
    result = run("validate", "x\x1b[31m\nerror: none", color=True)
    assert result.exit_code == 2
    assert "\x1b[31m\n" not in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", ["camvid", "helen", "vistas"])
def test_the_bundled_files_are_clean(name):
    result = run("validate", name)
    assert (result.exit_code, result.stderr) == (0, "")


# show


@pytest.mark.parametrize("name", ["helen", "vistas"])
def test_show_gives_the_lists_of_the_paper_as_json(shared, name):
    oracle = json.loads((shared / "oracle" / f"{name}_levels.json").read_text())
    shown = json.loads(run("show", name, "--json").stdout)
    assert shown["channels"] == oracle["leaf_names_in_channel_order"]
    levels = [sorted(level["groups"]) for level in shown["levels"]]
    assert levels == [sorted(level) for level in oracle["levels_fine_to_coarse"][::-1]]


def test_show_prints_the_groups_of_each_level(golden):
    golden("show_helen.txt", run("show", "helen").stdout)


def test_show_of_one_level():
    result = run("show", "helen", "--level", "scene")
    assert result.stdout.splitlines()[0] == "scene: 2 groups, weight 1"
    assert len(result.stdout.splitlines()) == 3
    assert [
        level["name"]
        for level in json.loads(run("show", "helen", "--level", "scene", "--json").stdout)["levels"]
    ] == ["scene"]


@pytest.mark.parametrize("command", [["show"], ["render"], ["render", "-o", "x.svg"]])
def test_an_unknown_level_is_a_wrong_use(folder, command):
    before = names(folder)
    result = run(*command, "helen", "--level", "x")
    assert (result.exit_code, result.stderr) == (
        2,
        "error: there is no level 'x'; the levels are: scene, person, part, detail\n",
    )
    assert names(folder) == before


def test_names_cannot_speak_to_the_terminal(folder):
    (folder / "x.hier").write_text('levels\n  "l\x1b[2J"\ntree\n  "\x1b[31m"\n  b\n')
    for command in (["show"], ["render"], ["show", "--json"], ["show", "--level", "y"]):
        assert "\x1b" not in run(*command, "x.hier", color=True).stdout


# compile


def test_compile_writes_tables_that_load(folder):
    result = run("compile", "helen", "-o", "helen.npz")
    compiled = CompiledHierarchy.load(folder / "helen.npz")
    assert compiled == compile_hierarchy(load("helen"))
    assert result.stdout == f"wrote helen.npz: 11 leaves, 17 nodes, 4 levels, hash {compiled.hash[:12]}\n"


# render


@pytest.mark.parametrize(
    ("suffix", "start"),
    [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF"), ("dot", b"digraph"), ("SVG", b"<?xml")],
)
def test_render_writes_pictures(folder, suffix, start):
    before = names(folder)
    result = run("render", "helen", "-o", f"tree.{suffix}")
    assert (result.exit_code, result.stdout) == (0, f"wrote tree.{suffix}\n")
    assert (folder / f"tree.{suffix}").read_bytes().startswith(start)
    assert names(folder) == sorted([*before, f"tree.{suffix}"])


def test_render_draws_in_the_terminal():
    result = run("render", "camvid", "--level", "kind")
    assert result.exit_code == 0
    assert "■ construction  2 classes" in result.stdout


def test_render_loses_nothing_of_a_deep_tree(folder):
    (folder / "deep.hier").write_text("tree\n" + "".join(f"{' ' * i}n{i}\n" for i in range(1, 200)))
    assert run("render", "deep.hier").stdout.endswith("■ n199\n")


def test_render_without_graphviz_is_one_line_and_the_rest_works(folder, monkeypatch):
    monkeypatch.setenv("PATH", "")
    before = names(folder)
    result = run("render", "helen", "-o", "x.svg")
    assert result.exit_code == 1
    assert result.stderr.startswith(
        "error: drawing .svg needs graphviz's program 'dot' (apt install graphviz"
    )
    assert len(result.stderr.splitlines()) == 1
    assert names(folder) == before
    assert run("render", "helen", "-o", "x.dot").exit_code == 0
    assert run("render", "helen").exit_code == 0


def test_render_of_a_failing_graphviz_is_an_error_without_traceback(folder, monkeypatch):
    program = folder / "bin" / "dot"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'out of memory' >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    # more input than a pipe holds, which this dot never reads
    (folder / "wide.hier").write_text("tree\n" + "".join(f"    class{i}\n" for i in range(2000)))
    result = run("render", "wide.hier", "-o", "x.svg")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: graphviz failed")
    assert "out of memory" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert "x.svg" not in names(folder)


# all commands


WRITERS = [
    ["compile", "FILE", "-o", "x.npz"],
    ["render", "FILE", "-o", "x.svg"],
    ["render", "FILE"],
    ["show", "FILE"],
]


@pytest.mark.parametrize("command", WRITERS, ids=" ".join)
@pytest.mark.parametrize(
    ("file", "code"), [("bad.hier", 1), ("broken.hier", 1), ("none.hier", 2), ("a folder", 2)]
)
def test_a_bad_file_gives_its_diagnostics_and_no_output(folder, command, file, code):
    before = names(folder)
    result = run(*[file if word == "FILE" else word for word in command])
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.splitlines()[-1].startswith("error: ")
    assert names(folder) == before


@pytest.mark.usefixtures("folder")
def test_a_command_says_how_many_errors_stopped_it():
    assert run("show", "bad.hier").stderr.splitlines()[-1] == "error: 'bad.hier' has 1 error"


@pytest.mark.parametrize(
    "command", [["compile", "-o", "x.npz"], ["render", "-o", "x.dot"], ["render"], ["show"]]
)
@pytest.mark.usefixtures("folder")
def test_every_command_reads_standard_input(command):
    assert run(*command, "-", input=GOOD).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compile", "helen", "-o", "x.txt"], "'x.txt' does not end in .npz"),
        (["compile", "helen", "-o", "none/x.npz"], "cannot write 'none/x.npz': No such file or directory"),
        (["compile", "helen", "-o", "good.hier/x.npz"], "cannot write 'good.hier/x.npz': Not a directory"),
        (["render", "helen", "-o", "x.gif"], "'x.gif' does not end in one of: .svg, .png, .pdf, .dot, .html"),
        (["render", "helen", "-o", "x"], "'x' does not end in one of: .svg, .png, .pdf, .dot, .html"),
        (["render", "helen", "-o", "none/x.dot"], "cannot write 'none/x.dot': No such file or directory"),
    ],
)
def test_an_output_that_cannot_be_written_is_one_line(folder, arguments, message):
    before = names(folder)
    result = run(*arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"error: {message}\n")
    assert names(folder) == before


@pytest.mark.parametrize(
    "arguments", [["compile", "helen", "-o", "x.npz"], ["render", "helen", "-o", "x.dot"]]
)
def test_an_output_that_is_a_folder_is_left_alone(folder, arguments):
    (folder / arguments[-1]).mkdir()
    before = names(folder)
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stderr == f"error: cannot write '{arguments[-1]}': Is a directory\n"
    assert names(folder) == before


@pytest.mark.parametrize(
    "arguments",
    [[], ["nope"], ["validate"], ["compile", "helen"], ["show"], ["render", "helen", "--orientation", "up"]],
)
def test_a_wrong_use_is_code_2(arguments):
    assert run(*arguments).exit_code == 2


@settings(max_examples=25)
@given(any_text)
def test_no_text_makes_a_command_fall(text):
    data = text.encode("utf-8", errors="surrogatepass")
    for command in (["validate"], ["show"], ["render"]):
        assert run(*command, "-", input=data).exit_code in (0, 1)


# help


COMMANDS = ["validate", "check-data", "explain", "render", "show", "compile", "train", "faces"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_examples(command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "Examples:" in result.stdout
    assert run(command, "-h").stdout == result.stdout


def test_the_help_of_all_names_every_command():
    shown = run("--help").stdout
    assert all(f"  {command} " in shown for command in COMMANDS)
    assert run("--version").stdout.startswith("hierdsl, version ")


def example_lines():
    for command in ("validate", "explain", "render", "show", "compile"):
        text = run(command, "--help").stdout.split("Examples:")[1].split("\n\n")[0]
        for line in text.splitlines():
            if line.strip():
                yield line.strip()


@pytest.mark.parametrize("line", list(example_lines()))
def test_every_example_of_the_help_runs(root, folder, line):
    (folder / "hierarchies").symlink_to(root / "hierarchies")
    (folder / "city.hier").write_text(GOOD)
    compile_hierarchy(load("camvid")).save(folder / "camvid.npz")
    scripts = os.path.dirname(sys.executable)  # noqa: PTH120 - the link must not be followed
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", line.split("   ")[0]], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    # of the bundled files inat19 alone has warnings: its families of one genus
    assert set(re.findall(r"(?:warning|error)\[\w+\]", done.stderr)) <= {"warning[W201]"}
    assert done.stderr == "" or "hierarchies" in line
    assert done.stdout
