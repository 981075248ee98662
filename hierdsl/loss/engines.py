"""Which fused engine a device has, and what stands against it."""

from functools import lru_cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

import torch
from torch.torch_version import TorchVersion

from hierdsl.loss.tables import constant_to_compile

_ENGINES = {"cpu": "hierdsl.loss.cpu.engine", "cuda": "hierdsl.loss.gpu.engine"}
_ENLARGED = {"cuda": "hierdsl.loss.gpu.enlarge"}
_NEEDS = {"cpu": ("numba", "0.61"), "cuda": ("triton", "3.4")}


@lru_cache(maxsize=2)
def engine_of(device: str) -> Any:
    """The module of the engine of a type of device; Triton or Numba is loaded with it, at the first loss."""
    return import_module(_ENGINES[device])


def against(device: str, dtype: torch.dtype) -> str | None:
    """Why the fused loss cannot be used on a type of device, for a type of logits, or None."""
    if device not in _ENGINES:
        return f"there is none for the device {device}"
    package, least = _NEEDS[device]
    if not _there(package, least):
        return f"the package {package} is not installed, or older than {least}"
    if device == "cuda" and dtype == torch.float64:
        return "on a GPU there is none for float64"
    return None


def enlarged_on(device: str, real: torch.dtype) -> Any:
    """The class that enlarges logits on a type of device, computing in `real`: see `hierdsl.loss.enlarge`."""
    if device in _ENLARGED and real == torch.float32 and _there(*_NEEDS[device]):
        return import_module(_ENLARGED[device]).Enlarged
    return import_module("hierdsl.loss.enlarge").Enlarged


@constant_to_compile
def _there(package: str, least: str) -> bool:
    return _found(package, least)


@lru_cache(maxsize=4)
def _found(package: str, least: str) -> bool:
    """Whether a package is installed, in some version or a later one."""
    try:
        found = version(package)
    except PackageNotFoundError:  # what comes with a device's own build of torch may be known by another name
        return find_spec(package) is not None
    return bool(TorchVersion(found) >= least)
