"""The network against what the paper says of it."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import settings as example_settings
from hypothesis import strategies as st
from torch import nn

from hierdsl.train.unet import UNet


def convolutions(network):
    return [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]


@given(st.integers(16, 70), st.integers(16, 70), st.integers(1, 3))
@example_settings(deadline=None, max_examples=25)
def test_logits_have_the_height_and_width_of_the_image(height, width, number):
    network = UNet(7, width=1).eval()
    with torch.no_grad():
        assert network(torch.zeros(number, 3, height, width)).shape == (number, 7, height, width)


def test_filters_are_64_to_1024_at_width_64_and_scale_with_it():
    for width in (64, 8):
        with torch.device("meta"):
            network = UNet(11, width)
        filters = [block[0].out_channels for block in network.down]
        assert filters == [width, 2 * width, 4 * width, 8 * width, 16 * width]
        assert network.head.weight.shape == (11, width, 1, 1)


def parameters_by_hand(classes, width):
    """Two 3x3 convolutions without bias and two batch norms a block; 2x2 transposed ones and a head with bias."""

    def block(inputs, outputs):
        return 9 * inputs * outputs + 9 * outputs * outputs + 2 * 2 * outputs

    f1, f2, f3, f4, f5 = width, 2 * width, 4 * width, 8 * width, 16 * width
    down = block(3, f1) + block(f1, f2) + block(f2, f3) + block(f3, f4) + block(f4, f5)
    up = sum(4 * coarse * fine + fine for coarse, fine in ((f5, f4), (f4, f3), (f3, f2), (f2, f1)))
    join = sum(block(2 * fine, fine) for fine in (f4, f3, f2, f1))
    return down + up + join + f1 * classes + classes


@pytest.mark.parametrize(("classes", "width"), [(2, 64), (11, 64), (66, 16), (1, 1)])
def test_number_of_parameters(classes, width):
    with torch.device("meta"):
        network = UNet(classes, width)
    assert sum(p.numel() for p in network.parameters()) == parameters_by_hand(classes, width)


def test_the_standard_u_net_has_31_million_parameters():
    assert parameters_by_hand(2, 64) == 31_037_698


def test_weights_are_kaiming_uniform_and_biases_0():
    torch.manual_seed(0)
    network = UNet(5, width=8)
    for layer in convolutions(network):
        # fan in as torch counts it: the second axis of the weight times the kernel
        fan_in = layer.weight.shape[1] * layer.kernel_size[0] * layer.kernel_size[1]
        bound = math.sqrt(2) * math.sqrt(3 / fan_in)
        weight = layer.weight.detach()
        assert weight.abs().max() <= bound
        if weight.numel() > 2000:
            assert weight.abs().max() > 0.98 * bound
            assert weight.std() == pytest.approx(bound / math.sqrt(3), rel=0.05)
        if layer.bias is not None:
            assert not layer.bias.any()


def test_only_what_no_batch_norm_follows_has_a_bias():
    network = UNet(5, width=1)
    assert [layer.bias is not None for layer in convolutions(network)] == [False] * 10 + [True] * 4 + [
        False
    ] * 8 + [True]


def test_every_parameter_gets_a_gradient():
    network = UNet(3, width=1)
    network(torch.randn(2, 3, 32, 32)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_a_pixel_sees_far_and_a_skip_keeps_it_sharp():
    """The logit in the middle depends on pixels far away and on its own."""
    torch.manual_seed(0)
    network = UNet(1, width=4).eval()
    image = torch.randn(1, 3, 96, 96, requires_grad=True)
    network(image)[0, 0, 48, 48].backward()
    seen = image.grad.abs().sum((0, 1)).nonzero()
    assert seen.min() <= 10
    assert seen.max() >= 86
    assert image.grad[0, :, 48, 48].abs().sum() > 0
