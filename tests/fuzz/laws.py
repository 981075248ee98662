"""What holds for any bytes, one function a target; an exception is a case found."""

import tempfile
from pathlib import Path

import numpy as np

from hierdsl import analyze
from hierdsl.compiler import CompiledLabelMap, UnknownRawIdError, compile_hierarchy
from hierdsl.diagnostics.concise import render_concise
from hierdsl.diagnostics.full import first_of, render_full
from hierdsl.diagnostics.json_form import render_json
from hierdsl.diagnostics.report import FileReport
from hierdsl.diagnostics.sarif import render_sarif
from hierdsl.format import expand, format_bytes
from hierdsl.loading import examine
from hierdsl.model import build


def language(data):
    """Any bytes give a document or errors, which can be shown in every form, and edits that fit."""
    scope, found = examine(data, "file.hier")
    assert (scope is None) == any(d.is_error for d in found)
    for d in found:
        for place in (d.primary, *d.secondary):
            assert 0 <= place.span.start <= place.span.end <= len(place.source.text)
        for edit in d.edits:
            assert 0 <= edit.span.start <= edit.span.end <= len(edit.source.text)
        assert d.message
        assert render_concise(d).isprintable()
    for d in first_of(found):
        assert all(line.isprintable() for line in render_full(d).split("\n"))
    report = [FileReport("file.hier", tuple(found))]
    assert render_json(report)
    assert render_sarif(report, version="0")
    if scope is None:
        return
    hierarchy, _ = analyze(data, "file.hier")
    compiled = compile_hierarchy(hierarchy)
    assert compiled.group.shape == (compiled.num_levels, compiled.num_nodes)
    assert (compiled.group[:, : compiled.num_leaves] >= 0).all()


def use(data):
    """Several files, separated by NUL; the first one uses the others as it likes."""
    main, *others = data.split(b"\0")[:6]
    with tempfile.TemporaryDirectory() as folder:
        for i, other in enumerate(others):
            Path(folder, f"{'abcde'[i]}.hier").write_bytes(other)
        path = Path(folder, "main.hier")
        path.write_bytes(main)
        hierarchy, found = analyze(main, "main.hier", path=path)
        assert (hierarchy is None) == any(d.is_error for d in found)
        for d in found:
            assert all(line.isprintable() for line in render_full(d).split("\n"))
            for place in (d.primary, *d.secondary):
                assert 0 <= place.span.start <= place.span.end <= len(place.source.text)
        if hierarchy is not None:
            compile_hierarchy(hierarchy)


def encode(data):
    """A label map from the first bytes, an image from the rest: encoded as the definition says, or refused."""
    if len(data) < 4:
        return
    colors, unlisted, tolerance, count = data[0] & 1, bool(data[0] & 2), data[1], data[2] % 8
    size = 3 if colors else 2
    head, body = data[3 : 3 + size * count], data[3 + size * count :]
    values = [int.from_bytes(head[i * size : (i + 1) * size]) for i in range(len(head) // size)]
    raw = np.array(sorted(set(values), key=values.index), dtype=np.int64)
    nodes = np.arange(len(raw), dtype=np.int64)
    near = float(tolerance) if colors and data[0] & 4 else None
    label_map = CompiledLabelMap(
        raw, raw, nodes, unlisted_ignored=unlisted, colors=bool(colors), tolerance=near
    )
    if colors:
        image = np.frombuffer(body[: len(body) // 3 * 3], np.uint8).reshape(-1, 3)
        packed = image.astype(np.int64) @ [65536, 256, 1]
    else:
        image = np.frombuffer(body[: len(body) // 2 * 2], np.uint16)
        packed = image.astype(np.int64)
    expected = []
    for value in packed.tolist():
        hit = [n for r, n in zip(raw.tolist(), nodes.tolist(), strict=True) if r == value]
        if hit:
            expected.append(hit[0])
        elif near is not None and len(raw):
            rgb = np.array([value >> 16, value >> 8 & 255, value & 255])
            listed = np.stack([raw >> 16, raw >> 8 & 255, raw & 255], axis=1)
            distance = ((listed - rgb) ** 2).sum(axis=1)
            best = int(distance.argmin())
            expected.append(best if distance[best] <= near**2 else -100)
        else:
            expected.append(-100 if unlisted or near is not None else -1)
    unknown = expected.count(-1)
    try:
        encoded = label_map.encode(image)
    except UnknownRawIdError as error:
        if not unknown or sum(error.counts.values()) != unknown:
            raise
        return
    assert encoded.tolist() == expected
    present = encoded[encoded >= 0]
    if present.size:
        assert (label_map.encode(label_map.decode(present)) == present).all()


def format(data):  # noqa: A001 - the name of the target
    """The canonical form is one, means the same, and keeps every comment; what cannot be read is refused."""
    formatted, found = format_bytes(data, "file.hier")
    if formatted is None:
        assert found
        return
    again, _ = format_bytes(formatted.text.encode(), "file.hier")
    assert again is not None
    assert again.text == formatted.text
    before, after = examine(data, "file.hier"), examine(formatted.text, "file.hier")
    assert sorted(d.code for d in before[1]) == sorted(d.code for d in after[1])
    if before[0] is not None and after[0] is not None:
        tables = [compile_hierarchy(build(scope)) for scope in (before[0], after[0])]
        assert tables[0].hash == tables[1].hash
        whole = expand(before[0])
        written = analyze(whole, "file.hier")[0]
        assert written is not None
        assert compile_hierarchy(written).hash == tables[0].hash
