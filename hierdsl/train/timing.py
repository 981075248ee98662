"""Where the time of a step goes: waiting for data, the network's forward and backward, the rest."""

from time import perf_counter

import torch


class StepClock:
    """Adds up the time of three phases of a step without stopping a GPU.

    On a GPU the marks are events in its stream, read when the epoch ends; waiting for data is host time.
    """

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._marks: list[tuple[str, torch.cuda.Event]] = []
        self._last = perf_counter()
        self._start = self._last
        self._seconds: dict[str, float] = {}

    def mark(self, phase: str) -> None:
        """The time since the last mark belongs to `phase`: "data", "network" or "rest"."""
        now = perf_counter()
        if not self._cuda:
            self._seconds[phase] = self._seconds.get(phase, 0.0) + now - self._last
        else:
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self._marks.append((phase, event))
        self._last = now

    def shares(self) -> tuple[float, dict[str, float]]:
        """Seconds since the start, and the share of each phase in them."""
        if self._cuda and self._marks:
            torch.cuda.synchronize()
            for (_, before), (phase, after) in zip(self._marks, self._marks[1:], strict=False):
                self._seconds[phase] = self._seconds.get(phase, 0.0) + before.elapsed_time(after) / 1e3
        total = perf_counter() - self._start
        return total, {phase: seconds / total for phase, seconds in self._seconds.items()}
