"""What a run shows while it goes on."""

import io

import torch
from rich.console import Console

from hierdsl.train.display import RunDisplay
from hierdsl.train.loop import RunningMean


def test_the_first_step_says_what_it_may_wait_for():
    text = io.StringIO()
    display = RunDisplay(Console(file=text, force_terminal=True, width=120), epochs=2)
    losses = RunningMean(("kind", "class"))
    losses.add(torch.tensor(1.5), torch.tensor([0.5, 1.0]))
    shown = []
    with display.live(0, 3):
        for epoch in (1, 2):
            display.epoch(epoch, 3)
            shown.append(display._progress.tasks[-1].fields["losses"])
            display.step(losses)
            shown.append(display._progress.tasks[-1].fields["losses"])
    assert shown[0] == "the first step may compile the loss"
    assert shown[1].endswith("steps/s  loss 1.500  kind 0.500 class 1.000")
    assert shown[2] == ""  # the loss is compiled by now
    assert "the first step may compile the loss" in text.getvalue()
