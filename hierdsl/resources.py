"""Find the files that ship with the package: the grammar, the bundled hierarchies, the pages of the diagnostics.

In a wheel they lie inside the package, in a checkout or an editable install one folder above it; so this
looks beside itself, then one folder up.
"""

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def _folder(name: str) -> Path:
    beside, above = _HERE / name, _HERE.parent / name
    return beside if beside.is_dir() else above


def grammar_text() -> str:
    """The Lark grammar of the .hier language."""
    return (_folder("grammars") / "hierdsl.lark").read_text(encoding="utf-8")


def bundled_hierarchies() -> dict[str, Path]:
    """The bundled .hier files by bare name, sorted."""
    return {path.stem: path for path in sorted(_folder("hierarchies").glob("*.hier"))}


def diagnostic_page(code: str) -> str:
    """The page of a diagnostic code, as Markdown.

    Raises:
        FileNotFoundError: There is none.
    """
    return (_folder("docs") / "diagnostics" / f"{code}.md").read_text(encoding="utf-8")
