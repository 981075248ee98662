"""A `Fit` as text for people, and as plain data for programs. Prints nothing."""

from collections.abc import Iterator, Sequence
from typing import Any

from hierdsl.data.fit import BOUNDS, Fit
from hierdsl.data.mend import TOLERANCE, section, spelled
from hierdsl.data.tally import Seen
from hierdsl.source import printable

_MOST = 10
"""Unknown values, unreadable images and the like that are told one by one."""


def to_lines(fit: Fit, file: str) -> Iterator[str]:
    """The report, line by line.

    Args:
        fit: What was counted.
        file: The .hier file, for messages.
    """
    tree = fit.tree
    kind = "colours" if tree.colors else "ids"
    name = f"label map {tree.label_map}" if tree.label_map else "the default label map"
    yield printable(f"{_count(fit.images, 'label image')}, {_count(fit.total, 'pixel')}, by {name} of {file}")
    for level in range(len(tree.level_names)):
        yield ""
        yield from _level(fit, level)
    yield ""
    parts = (("labelled", fit.labelled), ("ignored", fit.ignored), ("not listed", fit.unknown_pixels))
    yield ", ".join(f"{what} {pixels:,} ({_percent(pixels, fit.total)} %)" for what, pixels in parts)
    if fit.by_distance:
        yield ""
        yield from _distances(fit)
    yield from _findings(fit, file, kind)


def _level(fit: Fit, level: int) -> Iterator[str]:
    """The table of a level: each of its nodes, and what is labelled too coarsely for it."""
    cut = fit.tree.cut(level)
    rows = [(printable(fit.tree.paths[node]), fit.pixels[node], fit.node_images[node]) for node in cut]
    coarser = fit.labelled - sum(pixels for _, pixels, _ in rows)
    head = printable(fit.tree.level_names[level])
    width = max(len(head), *(len(name) + 2 for name, _, _ in rows), 20)
    yield f"{head:<{width}} {'pixels':>15} {'share %':>8} {'images':>8}"
    for name, pixels, images in rows:
        yield f"  {name:<{width - 2}} {pixels:>15,} {_percent(pixels, fit.labelled):>8} {images:>8,}"
    if coarser:
        label = "(coarser labels)"
        yield f"  {label:<{width - 2}} {coarser:>15,} {_percent(coarser, fit.labelled):>8}"


def _distances(fit: Fit) -> Iterator[str]:
    """Pixels by distance to the nearest listed colour, so that one sees what a tolerance would do."""
    yield f"{'RGB distance to a listed colour':<32} {'pixels':>15} {'share %':>8} {'up to here %':>13}"
    names = ["0, the colour itself", *(f"up to {bound}" for bound in BOUNDS[1:]), f"more than {BOUNDS[-1]}"]
    so_far = 0
    for name, pixels in zip(names, fit.by_distance, strict=True):
        so_far += pixels
        shares = f"{_percent(pixels, fit.total):>8} {_percent(so_far, fit.total):>13}"
        yield f"  {name:<30} {pixels:>15,} {shares}"
    tolerance = fit.tree.tolerance
    yield (
        "  no tolerance: a colour means what is listed, or nothing"
        if tolerance is None
        else f"  tolerance {tolerance:g}: a colour beyond it is ignored"
    )


def _findings(fit: Fit, file: str, kind: str) -> Iterator[str]:
    if fit.unreadable:
        yield ""
        yield f"error: {_count(len(fit.unreadable), 'label image')} cannot be read:"
        for _, why in fit.unreadable[:_MOST]:
            yield printable(f"  {why}")
        if len(fit.unreadable) > _MOST:
            yield f"  and {len(fit.unreadable) - _MOST:,} more"
    if fit.unknown:
        yield ""
        yield from _unknown(fit, file, kind)
    never = [printable(fit.tree.paths[leaf]) for leaf in fit.never_seen]
    if never:
        yield ""
        yield f"warning: {_count(len(never), 'class')} never seen: {_some(never)}"
    if fit.unseen:
        yield ""
        yield f"note: {kind} listed and never seen: {_some(fit.unseen)}"
    yield ""
    if fit.fits:
        yield printable(f"{file} fits")
    else:
        wrong = [
            _count(len(things), name)
            for things, name in ((fit.unknown, f"unknown {kind[:-1]}"), (fit.unreadable, "unreadable image"))
            if things
        ]
        yield printable(f"{file} does not fit: {', '.join(wrong)}")


def _unknown(fit: Fit, file: str, kind: str) -> Iterator[str]:
    """What the map does not list, where, and the line that would mend it."""
    yield printable(f"error: {_count(len(fit.unknown), kind[:-1])} that {file} does not list:")
    for seen in fit.unknown[:_MOST]:
        yield printable(f"  {_told(fit, seen)}")
    rest = fit.unknown[_MOST:]
    if rest:
        yield f"  and {len(rest):,} more {kind}: {_count(sum(seen.pixels for seen in rest), 'pixel')}"
    where = printable(section(fit.tree.label_map))
    if fit.ignore_mend.startswith("tolerance"):
        near = sum(
            seen.pixels
            for seen, far in zip(fit.unknown, fit.unknown_distances, strict=True)
            if far <= TOLERANCE
        )
        share = _percent(near, fit.unknown_pixels)
        yield f"  help: {share} % of these pixels are near a listed colour; write below '{where}': {fit.ignore_mend}"
        return
    yield f"  help: ignore them, below '{where}': {fit.ignore_mend}"
    yield f"  help: or name their class, such as: {fit.mends(fit.unknown[0])[1]}"


def _told(fit: Fit, seen: Seen) -> str:
    kind = "colour" if fit.tree.colors else "id"
    examples = ", ".join(f"'{fit.paths[image]}'" for image in seen.examples[:2])
    where = f"{_count(seen.pixels, 'pixel')} in {_count(seen.images, 'image')}, such as {examples}"
    return f"{kind} {spelled(seen.raw, colors=fit.tree.colors)}: {where}"


def to_data(fit: Fit, file: str) -> dict[str, Any]:
    """The whole of it as plain data; docs/reference/commands.md documents the keys."""
    tree = fit.tree
    classes = set(tree.leaves)
    levels = [
        {"name": name, "nodes": [tree.paths[node] for node in tree.cut(level)]}
        for level, name in enumerate(tree.level_names)
    ]
    nodes = [
        {
            "path": tree.paths[node],
            "class": node in classes,
            "pixels": fit.pixels[node],
            "direct_pixels": fit.direct[node],
            "images": fit.node_images[node],
        }
        for node in range(len(tree.names))
        if not tree.ignored[node]
    ]
    unknown = []
    for i, seen in enumerate(fit.unknown):
        ignore, name = fit.mends(seen)
        unknown.append(
            {
                "value": spelled(seen.raw, colors=True) if tree.colors else seen.raw,
                "pixels": seen.pixels,
                "images": seen.images,
                "examples": [str(fit.paths[image]) for image in seen.examples],
                **({"distance": _finite(fit.unknown_distances[i])} if tree.colors else {}),
                "section": section(tree.label_map),
                "mends": [ignore, name],
            }
        )
    bounds = [*BOUNDS, None]
    return {
        "file": file,
        "label_map": tree.label_map,
        "kind": "colors" if tree.colors else "ids",
        "tolerance": tree.tolerance,
        "fits": fit.fits,
        "images": fit.images,
        "pixels": {
            "all": fit.total,
            "labelled": fit.labelled,
            "ignored": fit.ignored,
            "unknown": fit.unknown_pixels,
        },
        "levels": levels,
        "nodes": nodes,
        "never_seen_classes": [tree.paths[leaf] for leaf in fit.never_seen],
        "never_seen_values": list(fit.unseen),
        "unknown": unknown,
        "mend": fit.ignore_mend,
        "unreadable": [{"path": str(path), "reason": why} for path, why in fit.unreadable],
        "by_distance": [
            {"up_to": bound, "pixels": pixels} for bound, pixels in zip(bounds, fit.by_distance, strict=False)
        ],
    }


def to_counts(fit: Fit, file: str, hashed: str) -> dict[str, Any]:
    """What --write-counts writes: pixels by path, and which tables they belong to."""
    tree = fit.tree
    kept = [node for node in range(len(tree.names)) if not tree.ignored[node]]
    return {
        "hierarchy": file,
        "hash": hashed,
        "labels": tree.label_map,
        "images": fit.images,
        "ignored": fit.ignored,
        "unknown": fit.unknown_pixels,
        "pixels": {tree.paths[node]: fit.pixels[node] for node in kept},
        "direct_pixels": {tree.paths[node]: fit.direct[node] for node in kept},
    }


def _finite(value: float) -> float | None:
    """JSON has no infinity: a map that lists nothing."""
    return round(value, 3) if value < float("inf") else None


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 2 * _MOST:,} more" if len(names) > 2 * _MOST else ""
    return ", ".join(names[: 2 * _MOST]) + more


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f}" if whole else "-"


def _count(count: int, word: str) -> str:
    return f"{count:,} {word}" + ("" if count == 1 else "es" if word.endswith("s") else "s")
