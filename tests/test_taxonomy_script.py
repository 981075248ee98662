"""scripts/taxonomy.py: a tree with levels from a table of edges."""

import csv
import subprocess
import sys

import pytest

from hierdsl import analyze, load

ROOT_OF = "child,parent\nAnimalia,Life\nChordata,Animalia\nAmphibia,Chordata\n"
FROGS = ROOT_OF + (
    "Anura,Amphibia\nRanidae,Anura\nRana,Ranidae\nRana temporaria,Rana\nRana arvalis,Rana\n"
    "Xenopus,Anura\nXenopus laevis,Xenopus\nProteidae,Amphibia\nProteus,Proteidae\nProteus anguinus,Proteus\n"
    "Aves,Chordata\nStruthioniformes,Aves\nStruthio camelus,Struthioniformes\n"
)


@pytest.fixture
def script(root):
    return root / "scripts" / "taxonomy.py"


def run(script, folder, *options, edges=FROGS, ranks=None):
    (folder / "edges.csv").write_text(edges, encoding="utf-8")
    if ranks is not None:
        (folder / "ranks.csv").write_text(ranks, encoding="utf-8")
        options = (*options, "--ranks", "ranks.csv")
    command = [sys.executable, str(script), "edges.csv", "-o", "frogs.hier", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def level_of(path):
    hierarchy, diagnostics = analyze(path.read_text(encoding="utf-8"))
    assert hierarchy is not None, diagnostics
    return {
        node.name: hierarchy.levels[rank].name
        for node, rank in zip(hierarchy.nodes, hierarchy.ranks, strict=True)
    }


def test_ranks_are_read_from_names_and_pinned_where_one_is_missing(script, tmp_path):
    done = run(script, tmp_path, "--title", 'Frogs "and more"', "--source", "https://x.org/#a")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "wrote frogs.hier: 16 nodes, 12 pinned; 1 kingdom, 1 phylum, 2 class, 3 order, 4 family, 4 genus, "
        "5 species; 0 warnings\n"
    )
    assert (tmp_path / "frogs.hier").read_text(encoding="utf-8") == (
        'hierarchy frogs "Frogs \\"and more\\""\n    source "https://x.org/#a"\n\n'
        "levels\n    kingdom\n    phylum\n    class\n    order\n    family\n    genus\n    species\n\n"
        "tree\n    Animalia  [level=kingdom]\n        Chordata  [level=phylum]\n"
        "            Amphibia  [level=class]\n                Anura  [level=order]\n"
        "                    Ranidae  [level=family]\n                        Rana  [level=genus]\n"
        '                            "Rana temporaria"\n                            "Rana arvalis"\n'
        '                    Xenopus  [level=genus]\n                        "Xenopus laevis"\n'
        "                Proteidae  [level=family]\n                    Proteus  [level=genus]\n"
        '                        "Proteus anguinus"\n            Aves  [level=class]\n'
        "                Struthioniformes  [level=order]\n"
        '                    "Struthio camelus"  [level=species]\n'
    )


def test_a_table_of_ranks_goes_before_what_names_say(script, tmp_path):
    ranks = "name,rank\nXenopus,family\nXenopus laevis,species\nAnura,order\n"
    assert run(script, tmp_path, ranks=ranks).returncode == 0
    levels = level_of(tmp_path / "frogs.hier")
    assert (levels["Xenopus"], levels["Xenopus laevis"], levels["Proteidae"]) == (
        "family",
        "species",
        "family",
    )


def test_what_is_not_certain_is_said(script, tmp_path):
    edges = "child,parent\nPlantae,Life\nMosses,Plantae\nHypnales,Mosses\nHypnum,Hypnales\nHypnum cupressiforme,Hypnum\n"
    done = run(script, tmp_path, edges=edges)
    assert done.returncode == 0
    assert done.stderr == "not certain, and put one level below the parent: Plantae, Mosses\n"
    # a kingdom and a phylum, a kingdom and a class, or a phylum and a class
    assert level_of(tmp_path / "frogs.hier")["Mosses"] == "phylum"


def test_siblings_in_the_order_of_their_names(script, tmp_path):
    run(script, tmp_path, "--sort")
    names = list(level_of(tmp_path / "frogs.hier"))
    assert names.index("Rana arvalis") < names.index("Rana temporaria")


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ("a,b\n", "'edges.csv': the first line names no columns child and parent"),
        ("child,parent\na,\n", "'edges.csv' line 2: a value is missing"),
        ("child,parent\na\n", "'edges.csv' line 2: a value is missing"),
        ("child,parent\na,r\nb,r\na,b\n", "'edges.csv' line 4: 'a' has a second parent"),
        ("child,parent\na,r\nb,s\n", "'edges.csv': a taxonomy has one root, this one has 2: r, s"),
        ("child,parent\na,b\nb,a\n", "'edges.csv': a taxonomy has one root, this one has none"),
        (
            "child,parent\nx,r\na,b\nb,a\n",
            "'edges.csv': 'a' is not below the root 'r': its parents form a ring",
        ),
        (
            "child,parent\nXidae,r\nYidae,Xidae\n",
            "'Xidae' has no level left below its parent: of family, species,",
        ),
    ],
)
def test_what_is_no_taxonomy_is_one_line(script, tmp_path, edges, message):
    done = run(script, tmp_path, "--levels", "family,species", edges=edges)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "frogs.hier").exists()


def test_a_missing_file_is_one_line(script, tmp_path):
    done = run(script, tmp_path, "--ranks", "none.csv")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: cannot read 'none.csv'")


def test_the_bundled_taxonomy_is_that_of_its_table(script, shared, root, tmp_path):
    edges = (shared / "labels" / "edges" / "inat19_taxonomy_edges.csv").read_text(encoding="utf-8")
    assert run(script, tmp_path, "--sort", edges=edges).returncode == 0
    made = (tmp_path / "frogs.hier").read_text(encoding="utf-8")
    bundled = (root / "hierarchies" / "inat19.hier").read_text(encoding="utf-8")
    assert bundled.partition("\nlevels\n")[2] == made.partition("\nlevels\n")[2]


def test_the_names_of_the_bundled_taxonomy_have_the_endings_of_their_ranks():
    hierarchy = load("inat19")
    levels = [level.name for level in hierarchy.levels]
    assert [len(hierarchy.cut(i)) for i in range(7)] == [3, 4, 9, 34, 57, 72, 1010]
    for position, node in enumerate(hierarchy.nodes):
        rank, kingdom = levels[hierarchy.ranks[position]], hierarchy.path(position).split("/")[0]
        assert (" " in node.name) == (rank == "species")
        if rank == "species":
            assert node.name.startswith(f"{hierarchy.nodes[node.parent].name} ")
        elif rank == "family":
            assert node.name.endswith("idae" if kingdom == "Animalia" else "aceae")
        elif rank == "order":
            assert node.name.endswith("ales") == (kingdom != "Animalia")


def test_a_made_up_taxonomy_is_ranked_as_it_was_made(script, script_of, tmp_path):
    big_tree = script_of("benchmarks", "big_tree.py")
    with (tmp_path / "made.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("child", "parent"), *big_tree.taxonomy(seed=1)])
    done = run(script, tmp_path, edges=(tmp_path / "made.csv").read_text(encoding="utf-8"))
    assert (done.returncode, done.stderr) == (0, "")
    levels = level_of(tmp_path / "frogs.hier")
    assert len(levels) > 16_000
    for name, level in levels.items():
        assert (" " in name) == (level == "species")
        assert name.endswith("idae") == (level == "family")
        assert name.endswith("formes") == (level == "order")
    for rank in ("kingdom", "phylum", "genus", "species"):  # those that no branch lacks
        assert list(levels.values()).count(rank) == big_tree.COUNTS[rank]
