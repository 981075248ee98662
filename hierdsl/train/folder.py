"""The folder of a run: what is in it, and how each file gets there whole.

config.toml      settings; --config reads it
hierarchy.hier   copy of the hierarchy file
run.json         data, hash of the tables, class names and weights
metrics.jsonl    one line an epoch
last.pt, best.pt checkpoints: tensors and plain data only
table.txt, curves.png, predictions.png   written at the end
"""

import json
import re
import shlex
import warnings
from collections.abc import Mapping
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import torch

from hierdsl.atomic import write_whole

CHECKPOINT_FORMAT = 2  # 1: hashes of tables whose label maps held ids alone
_KEYS = frozenset({"epoch", "best", "hash", "network", "optimizer", "scaler"})
"""What a checkpoint needs to hold to go on from it."""


class RunError(Exception):
    """A run folder cannot be used; the message is one line with the mend."""


class RunFolder:
    """The files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.toml"
        self.hierarchy = path / "hierarchy.hier"
        self.facts = path / "run.json"
        self.metrics = path / "metrics.jsonl"
        self.last = path / "last.pt"
        self.best = path / "best.pt"
        self.table = path / "table.txt"
        self.curves = path / "curves.png"
        self.predictions = path / "predictions.png"

    @classmethod
    def create(cls, path: Path | None, name: str) -> "RunFolder":
        """A new folder: the given path, or the first free `runs/NAME-N`.

        Raises:
            RunError: It is there already, or cannot be made.
        """
        plain = re.sub(r"[^\w.]+", "-", name).strip("-.")
        free = (Path("runs") / f"{plain}-{number}" for number in count(1))
        for candidate in [path] if path else free:
            try:
                candidate.mkdir(parents=True)
            except FileExistsError:
                if path is None:  # the next number, also where another run took this one just now
                    continue
                raise RunError(
                    f"the run folder '{path}' exists; choose another --out, or go on with it: "
                    f"--resume {shlex.quote(str(path))}"
                ) from None
            except OSError as error:
                raise RunError(f"cannot make the run folder '{candidate}': {error.strerror}") from None
            return cls(candidate)
        raise AssertionError("the numbers do not end")

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """The folder of a run that goes on.

        Raises:
            RunError: It is no run folder, or no epoch of the run was finished.
        """
        folder = cls(path)
        for file in (folder.config, folder.hierarchy, folder.facts):
            if not file.is_file():
                raise RunError(f"'{path}' is no run folder: it has no {file.name}")
        if not folder.last.is_file():
            raise RunError(
                f"'{path}' has no last.pt: its first epoch was not finished; start again with a new --out"
            )
        return folder

    def write(self, file: Path, data: str | bytes) -> None:
        """Write a file of the folder beside its place and rename it there."""
        write_whole(file, data.encode() if isinstance(data, str) else data)

    def save(self, file: Path, checkpoint: Mapping[str, Any]) -> None:
        """Write a checkpoint of tensors and plain data."""
        buffer = BytesIO()
        torch.save({"format": CHECKPOINT_FORMAT, **checkpoint}, buffer)
        self.write(file, buffer.getvalue())

    def log(self, record: Mapping[str, Any]) -> None:
        """Append an epoch to the metrics."""
        with self.metrics.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(record) + "\n")

    def history(self, epochs: int) -> list[dict[str, Any]]:
        """The records of the first `epochs` epochs; what was written after them is dropped from the file."""
        records = []
        if self.metrics.is_file():
            for line in self.metrics.read_text(encoding="utf-8").splitlines():
                try:
                    record = json.loads(line)
                except ValueError:  # the line that an interruption cut short
                    continue
                if isinstance(record, dict) and record.get("epoch", epochs + 1) <= epochs:
                    records.append(record)
        self.write(self.metrics, "".join(json.dumps(record) + "\n" for record in records))
        return records


def load_checkpoint(file: Path) -> dict[str, Any]:
    """A checkpoint on the CPU. Nothing but tensors and plain data is ever unpickled.

    Raises:
        RunError: It is no checkpoint.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with ZipFile(file) as archive:
                intact = archive.testzip() is None  # torch itself does not look at the checksums
            if not intact:
                raise BadZipFile
            checkpoint = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise RunError(f"cannot read '{file}': {error.strerror}") from None
    except Exception:  # noqa: BLE001 - damaged bytes raise almost anything, and torch's words advise to unpickle all
        raise RunError(
            f"'{file}' is damaged, or holds more than tensors and plain data, which is never loaded; "
            "start a new run"
        ) from None
    if not isinstance(checkpoint, dict) or checkpoint.get("format") != CHECKPOINT_FORMAT:
        raise RunError(f"'{file}' is no checkpoint of this version; start a new run")
    if lacking := sorted(_KEYS - checkpoint.keys()):
        raise RunError(f"'{file}' has no {lacking[0]!r} to go on from; start a new run")
    return checkpoint
