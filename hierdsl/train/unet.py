"""The network: a U-Net (Ronneberger, Fischer & Brox, MICCAI 2015) as Muller & Smith use it.

Five stages of two 3x3 convolutions with batch norm and ReLU, 64 to 1024 filters at width 64, max pooling
down, transposed convolutions up, Kaiming uniform initialisation (He et al., ICCV 2015), no pretraining.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

STAGES = 5


def _double(inputs: int, outputs: int) -> nn.Sequential:
    """Two 3x3 convolutions, each with batch norm and ReLU; a bias would be undone by the batch norm."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    """A U-Net for images of any height and width from 16.

    Args:
        num_classes: Channels of the output, C.
        width: Filters of the first stage; each further one doubles them.
    """

    def __init__(self, num_classes: int, width: int = 64) -> None:
        super().__init__()
        widths = [width * 2**stage for stage in range(STAGES)]
        self.down = nn.ModuleList(
            _double(inputs, outputs) for inputs, outputs in zip([3, *widths], widths, strict=False)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(fine * 2, fine, kernel_size=2, stride=2) for fine in widths[-2::-1]
        )
        self.join = nn.ModuleList(_double(fine * 2, fine) for fine in widths[-2::-1])
        self.head = nn.Conv2d(width, num_classes, kernel_size=1)
        self.apply(_initialise)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, C, H, W) of images (N, 3, H, W)."""
        skips: list[Tensor] = []
        x = images
        for stage, block in enumerate(self.down):
            x = block(functional.max_pool2d(x, 2) if stage else x)
            skips.append(x)
        skips.pop()
        for up, join in zip(self.up, self.join, strict=True):
            x, skip = up(x), skips.pop()
            # a side that was odd before pooling comes back one short
            x = functional.pad(x, (0, skip.shape[3] - x.shape[3], 0, skip.shape[2] - x.shape[2]))
            x = join(torch.cat([skip, x], dim=1))
        logits: Tensor = self.head(x)
        return logits


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
