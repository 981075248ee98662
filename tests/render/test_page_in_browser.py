"""What the script of a page does, in a browser, where there is one: Chromium prints the page after a visitor's steps."""

import html
import json
import re
import shutil
import subprocess

import pytest
from render.pinned import pinned

from hierdsl import analyze, load
from hierdsl.render import to_html

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")

VISITOR = """
const out = {}, wait = (ms) => new Promise((done) => setTimeout(done, ms));
const $ = (query) => [...document.querySelectorAll(query)];
const name = (row) => row && row.querySelector(".name").textContent;
const shown = () => $("summary, .leaf").filter((row) => row.checkVisibility({contentVisibilityAuto: true})).map(name);
const button = (text) => $("button").find((each) => each.textContent.startsWith(text));
const search = () => document.querySelector("input");
const status = () => document.querySelector("output").value;
const type = async (text) => {
  search().value = text; search().dispatchEvent(new Event("input")); await wait(300);
};
const key = (key, more = {}) =>
  document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true, ...more}));
const hits = () => $(".hit").map(name);
const now = () => name(document.querySelector(".now"));
window.onload = async () => {
  try { await (async () => { STEPS })(); } catch (error) { out.error = String(error.stack); }
  const result = document.createElement("pre");
  result.id = "result"; result.textContent = JSON.stringify(out); document.body.append(result);
};
"""


def visit(tmp_path, text, steps):
    """What the steps put into `out`."""
    text = re.sub(r"<meta http-equiv[^>]*>\n", "", text)  # it rightly forbids the script below
    text = text.replace("</body>", f"<script>{VISITOR.replace('STEPS', steps)}</script></body>")
    path = tmp_path / "page.html"
    path.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--virtual-time-budget=20000",
            "--dump-dom",
            path.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    result = json.loads(html.unescape(re.search(r'<pre id="result">(.*?)</pre>', done.stdout, re.DOTALL)[1]))
    assert "error" not in result, result["error"]
    return result


def test_buttons_open_down_to_a_level(tmp_path):
    steps = """for (const level of ["order", "family", "genus", "species"]) {
        button(level).click(); await wait(50); out[level] = shown(); }"""
    seen = visit(tmp_path, to_html(pinned()), steps)
    tops, below = ["Anura", "Caudata", "unplaced", "eggs"], ["olm", "axolotl"]
    assert seen["order"] == tops
    assert seen["family"] == ["Anura", "Ranidae", "Xenopus", "Caudata", *below, "unplaced", "eggs", "spawn"]
    assert seen["genus"] == [
        "Anura",
        "Ranidae",
        "Rana",
        "Xenopus",
        "Caudata",
        *below,
        "unplaced",
        "eggs",
        "spawn",
    ]
    assert seen["species"] == [node.name for node in pinned().nodes]


def test_a_search_opens_the_way_to_its_matches_and_closes_it_again(tmp_path):
    steps = """
    out.before = shown().length;
    await type("CORVUS c"); out.hits = hits(); out.now = now(); out.status = status(); out.shown = shown();
    search().focus(); key("Enter"); out.next = now(); out.status2 = status();
    key("Enter", {shiftKey: true}); key("Enter", {shiftKey: true}); out.previous = now();
    await type("no such thing"); out.none = status(); out.after = shown().length;
    await type("quercus"); key("Escape"); out.cleared = [search().value, status(), hits().length, shown().length];
    """
    hierarchy = load("inat19")
    seen = visit(tmp_path, to_html(hierarchy), steps)
    crows = [node.name for node in hierarchy.nodes if "corvus c" in node.name.lower()]
    assert seen["hits"] == crows
    assert len(crows) > 2
    assert seen["status"] == f"1 of {len(crows)}"
    assert set(crows) < set(seen["shown"])
    assert (seen["now"], seen["next"], seen["previous"]) == (crows[0], crows[1], crows[-1])
    assert seen["status2"] == f"2 of {len(crows)}"
    assert seen["none"] == "no match"
    assert seen["after"] == seen["before"]
    assert seen["cleared"] == ["", "", 0, seen["before"]]


def test_a_search_finds_ids_in_ranges(tmp_path):
    hierarchy, _ = analyze("tree\n  a\n    b = 3, 7..9\n    c = 18\n  d = 8000\n")
    steps = "await type('8'); out.eight = hits(); await type('7..9'); out.text = hits(); await type('b'); out.b = hits();"
    assert visit(tmp_path, to_html(hierarchy), steps) == {"eight": ["b"], "text": [], "b": ["b"]}


def test_arrow_keys_walk_the_tree(tmp_path):
    steps = """
    button("order").click(); $("summary")[0].focus(); out.path = [];
    const press = async (k) => { key(k); await wait(30); out.path.push(name(document.activeElement)); };
    for (const k of ["ArrowDown", "ArrowUp", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight"]) await press(k);
    for (const k of ["ArrowRight", "ArrowDown", "ArrowLeft", "ArrowLeft", "ArrowLeft", "ArrowLeft"]) await press(k);
    out.shown = shown();
    key("/"); out.searching = document.activeElement === search();
    """
    seen = visit(tmp_path, to_html(pinned()), steps)
    assert seen["path"][:6] == ["Caudata", "Anura", "Anura", "Ranidae", "Ranidae", "Rana"]
    assert seen["path"][6:] == ["Rana", "temporaria", "Rana", "Rana", "Ranidae", "Ranidae"]
    assert seen["shown"] == ["Anura", "Ranidae", "Xenopus", "Caudata", "unplaced", "eggs"]
    assert seen["searching"]


def test_sixteen_thousand_nodes_open_and_are_searched(tmp_path):
    text = "".join(
        f"  g{i}\n"
        + "".join(f"    h{i}_{k}\n" + "".join(f"      c{i}_{k}_{m}\n" for m in range(15)) for k in range(10))
        for i in range(100)
    )
    hierarchy, _ = analyze(f"tree\n{text}")
    steps = """
    out.rows = shown().length; button("level2").click(); await wait(50); out.all = shown().length;
    button("level0").click(); await type("c"); out.status = status(); out.shown = shown().length;
    """
    seen = visit(tmp_path, to_html(hierarchy), steps)
    assert len(hierarchy.nodes) == 16100
    assert seen == {"rows": 100, "all": 16100, "status": "1 of 15,000", "shown": 100 + 10 + 100 + 5}
