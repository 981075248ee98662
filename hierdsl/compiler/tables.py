"""The compiled form of a hierarchy, and its file."""

import hashlib
import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierdsl.atomic import whole
from hierdsl.compiler.label_map import CompiledLabelMap

_FORMAT = 2
_COSMETIC = frozenset({"palette"})
_ARRAYS = (
    "group",
    "num_groups",
    "parent",
    "depth",
    "height",
    "level_weights",
    "leaf_weights",
    "palette",
    "mirror",
)
_STRINGS = ("names", "paths", "level_names")


@dataclass(frozen=True, eq=False)
class CompiledHierarchy:
    """Tables of a hierarchy with C leaves, V nodes and D levels. All arrays are read-only.

    Node indices count the leaves first, in channel order (so that leaf c is channel c of the logits), then
    the inner nodes depth first. Ignored nodes have no index. Equal when the hashes are.

    Attributes:
        name: Of the hierarchy.
        group: Level maps, (D, V) int64. `group[l, v]` is the group, in the cut at level l (0 coarsest), that
            node v is or lies under; -1 where v is an inner node above the cut.
        num_groups: Groups of each level, (D,) int64.
        parent: Node index of the parent, (V,) int64; -1 under the root.
        depth: Edges from the root, (V,) int64; 1 for a top node.
        height: Edges to the deepest leaf below, (V,) int64; 0 for a leaf.
        names: Name of each node.
        paths: Names from the top node down, joined by `/`; a name that has a `/` is in quotes.
        level_names: Coarse to fine.
        level_weights: Weight of each level in the loss, (D,) float64.
        leaf_weights: Weight of each leaf in the loss, (C,) float64.
        palette: sRGB, (V, 3) uint8.
        mirror: Leaf that each leaf becomes when the image is flipped horizontally, (C,) int64.
        label_maps: By name; the default map is "".
    """

    name: str
    group: NDArray[np.int64]
    num_groups: NDArray[np.int64]
    parent: NDArray[np.int64]
    depth: NDArray[np.int64]
    height: NDArray[np.int64]
    names: tuple[str, ...]
    paths: tuple[str, ...]
    level_names: tuple[str, ...]
    level_weights: NDArray[np.float64]
    leaf_weights: NDArray[np.float64]
    palette: NDArray[np.uint8]
    mirror: NDArray[np.int64]
    label_maps: Mapping[str, CompiledLabelMap]

    def __post_init__(self) -> None:
        for array in self._tables().values():
            array.setflags(write=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CompiledHierarchy) and self.hash == other.hash

    def __hash__(self) -> int:
        return hash(self.hash)

    @property
    def num_leaves(self) -> int:
        """C, the number of classes and of channels."""
        return len(self.leaf_weights)

    @property
    def num_nodes(self) -> int:
        """V, leaves and inner nodes."""
        return len(self.parent)

    @property
    def num_levels(self) -> int:
        """D, the depth of the deepest leaf."""
        return len(self.level_weights)

    @cached_property
    def group_nodes(self) -> tuple[NDArray[np.int64], ...]:
        """For each level the node index of each of its groups."""
        nodes = []
        # the node that a group is, is the one of least depth in it: write the deepest first
        order = np.argsort(-self.depth, kind="stable")
        for level, count in enumerate(self.num_groups.tolist()):
            of_level = np.full(count, -1, dtype=np.int64)
            member = order[self.group[level, order] >= 0]
            of_level[self.group[level, member]] = member
            nodes.append(of_level)
        return tuple(nodes)

    @cached_property
    def hash(self) -> str:
        """SHA-256 (hex) of everything that can change a number in training: all tables but the palette."""
        digest = hashlib.sha256(f"hierdsl tables {_FORMAT}".encode())
        for key, array in self._tables().items():
            if key in _COSMETIC:
                continue
            plain = array if array.dtype.kind != "U" else np.frombuffer("\0".join(array).encode(), np.uint8)
            digest.update(f"\n{key} {plain.dtype.str} {plain.shape}\n".encode())
            digest.update(np.ascontiguousarray(plain).tobytes())
        return digest.hexdigest()

    def differences(self, other: "CompiledHierarchy") -> list[str]:
        """Names of the tables in which two hierarchies differ, the palette not counted."""
        mine, theirs = self._tables(), other._tables()  # noqa: SLF001 - of its own class
        return [
            key
            for key in sorted(mine.keys() | theirs.keys())
            if key not in _COSMETIC
            and (key not in mine or key not in theirs or not np.array_equal(mine[key], theirs[key]))
        ]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one `.npz`, beside the target first and then renamed into place."""
        with whole(Path(path)) as file:
            np.savez_compressed(
                file,
                format=np.int64(_FORMAT),
                name=np.array(self.name),
                hash=np.array(self.hash),
                **self._tables(),  # type: ignore[arg-type]  # the stub takes one bool by keyword
            )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "CompiledHierarchy":
        """Read what `save` wrote. Nothing is unpickled.

        Raises:
            OSError: The file cannot be read.
            ValueError: It is no such file, or its content does not have the hash that it carries.
        """
        content = Path(path).read_bytes()
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as file:
                tables = {key: file[key] for key in file.files}
            if int(tables["format"]) != _FORMAT:
                raise ValueError(
                    f"it has format {int(tables['format'])}, and this version reads format {_FORMAT}; "
                    "compile the .hier file again"
                )
            maps = {
                key.removeprefix("label_map/").removesuffix("/first"): key.removesuffix("first")
                for key in tables
                if key.startswith("label_map/") and key.endswith("/first")
            }
            arrays: dict[str, Any] = {key: tables[key] for key in _ARRAYS}
            strings: dict[str, Any] = {key: tuple(tables[key].tolist()) for key in _STRINGS}
            compiled = cls(
                name=str(tables["name"]),
                **arrays,
                **strings,
                label_maps={
                    name: CompiledLabelMap(
                        tables[f"{prefix}first"],
                        tables[f"{prefix}last"],
                        tables[f"{prefix}nodes"],
                        unlisted_ignored=bool(tables[f"{prefix}unlisted_ignored"]),
                        colors=bool(tables[f"{prefix}colors"]),
                        tolerance=float(tables[f"{prefix}tolerance"])
                        if f"{prefix}tolerance" in tables
                        else None,
                    )
                    for name, prefix in maps.items()
                },
            )
            if compiled.hash != str(tables["hash"]):
                raise ValueError("its content does not have the hash that it carries")
        except Exception as error:
            raise ValueError(f"{os.fspath(path)} is no file of compiled tables: {error}") from error
        return compiled

    def _tables(self) -> dict[str, NDArray[Any]]:
        return dict(self._each_table())

    def _each_table(self) -> Iterator[tuple[str, NDArray[Any]]]:
        for key in _ARRAYS:
            yield key, getattr(self, key)
        for key in _STRINGS:
            yield key, np.array(getattr(self, key), dtype=np.str_)
        for name, label_map in sorted(self.label_maps.items()):
            prefix = f"label_map/{name}/"
            yield f"{prefix}first", label_map.first
            yield f"{prefix}last", label_map.last
            yield f"{prefix}nodes", label_map.nodes
            yield f"{prefix}unlisted_ignored", np.array(label_map.unlisted_ignored)
            yield f"{prefix}colors", np.array(label_map.colors)
            if label_map.tolerance is not None:
                yield f"{prefix}tolerance", np.array(label_map.tolerance)


def check_compiled(compiled: object) -> None:
    """Refuse what is no compiled hierarchy: a `Hierarchy`, say, or a name.

    Raises:
        TypeError: It is none; the message says how to make one.
    """
    if not isinstance(compiled, CompiledHierarchy):
        raise TypeError(
            f"compiled is a CompiledHierarchy, not {type(compiled).__name__}: "
            "hierdsl.compile_hierarchy(hierdsl.load(NAME_OR_FILE)) makes one"
        )
