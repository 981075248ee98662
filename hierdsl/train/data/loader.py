"""Batches for the network: what is random depends on (seed, epoch, position) alone, so that any number of
worker processes, and a resumed run, sees the same images.
"""

import os
import sys
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from hierdsl.train.data.augment import Augment, Size, cut, whole
from hierdsl.train.data.split import Split

Batch = tuple[Tensor, Tensor]
"""Images (N, 3, H, W) uint8 in channels-last memory, node indices (N, H, W) int32."""
_Key = tuple[int, int]


class _Shuffle(Sampler[_Key]):
    """(epoch, position) pairs in an order drawn anew for each epoch."""

    def __init__(self, length: int, seed: int) -> None:
        self.length, self.seed, self.epoch = length, seed, 0

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[_Key]:
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.length)
        return iter([(self.epoch, int(position)) for position in order])


class _Views(Dataset[Batch]):
    """Random views of a split for training, whole images for validation."""

    def __init__(self, split: Split, size: Size, augment: Augment | None, seed: int) -> None:
        self.split, self.size, self.augment, self.seed = split, size, augment, seed

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, key: _Key | int) -> Batch:
        epoch, position = key if isinstance(key, tuple) else (0, key)
        image, target = self.split[position]
        if self.augment is not None:
            rng = np.random.default_rng((self.seed, epoch, position))
            image, target = self.augment(image, target, rng)
        else:
            image, target = cut(image, target, whole(target.shape), self.size)
        pixels = torch.from_numpy(np.array(image))
        return pixels.permute(2, 0, 1), torch.from_numpy(np.array(target))


def _batch(items: list[Batch]) -> Batch:
    images = torch.stack([image.permute(1, 2, 0) for image, _ in items]).permute(0, 3, 1, 2)
    return images, torch.stack([target for _, target in items])


class Loader:
    """The batches of a split, epoch by epoch.

    Args:
        split: The images.
        size: Height and width of validation images.
        augment: Random views, None for whole images in order.
        batch_size: Images a batch; an incomplete last batch is dropped in training.
        workers: Processes; 0 reads in this one.
        seed: Of the order and the views.
        pin: Whether batches go into pinned memory, for a GPU.
    """

    def __init__(
        self,
        split: Split,
        size: Size,
        *,
        augment: Augment | None,
        batch_size: int,
        workers: int,
        seed: int,
        pin: bool,
    ) -> None:
        self._sampler = _Shuffle(len(split), seed) if augment is not None else None
        self._loader: DataLoader[Batch] = DataLoader(
            _Views(split, size, augment, seed),
            batch_size=min(batch_size, len(split)),
            sampler=self._sampler,
            drop_last=augment is not None,
            collate_fn=_batch,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=pin,
            prefetch_factor=4 if workers else None,
            worker_init_fn=_one_thread,
            # forked workers share the images in memory; other start methods would copy them into each
            multiprocessing_context="fork" if workers and sys.platform == "linux" else None,
        )

    def __len__(self) -> int:
        """Batches an epoch."""
        return len(self._loader)

    def epoch(self, epoch: int = 0) -> Iterator[Batch]:
        """The batches of one epoch."""
        if self._sampler is not None:
            self._sampler.epoch = epoch
        return iter(self._loader)


def _one_thread(worker: int) -> None:
    del worker
    torch.set_num_threads(1)


def worker_count(device: torch.device) -> int:
    """A sensible number of reading processes: a GPU wants to be fed, a CPU has nothing to spare."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if device.type != "cuda":
        return 0
    return max(1, min(12, cores - 1))
