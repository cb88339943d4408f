"""ConvNeXt-Tiny and EfficientNet-Lite0 in PyTorch, timed at 96 px; runs in any interpreter that has torch.

    python benchmarks/peers/torch_networks.py convnext_tiny 16

The last line is {"forward": images/s, "training": images/s}. Channels-last where PyTorch is faster with it.
"""

import json
import math
import sys
import time

import torch
from torch import nn

SIZE, CLASSES, WARM, STEPS = 96, 8, 2, 4


class LayerNorm(nn.Module):
    """Over the channels of `(n, c, h, w)`."""

    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, x):
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNeXtBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.expand, self.project = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.gamma = nn.Parameter(torch.full((width,), 1e-6))

    def forward(self, x):
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.gamma * self.project(nn.functional.gelu(self.expand(y)))
        return x + y.permute(0, 3, 1, 2)


def convnext_tiny():
    parts, before = [], 3
    for stage, (blocks, width) in enumerate(zip((3, 3, 9, 3), (96, 192, 384, 768), strict=True)):
        if stage == 0:
            parts += [nn.Conv2d(before, width, 4, 4), LayerNorm(width)]
        else:
            parts += [LayerNorm(before), nn.Conv2d(before, width, 2, 2)]
        parts += [ConvNeXtBlock(width) for _ in range(blocks)]
        before = width
    return nn.Sequential(*parts, LayerNorm(before), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, CLASSES))


def conv(before, width, kernel, stride=1, groups=1, relu=True):
    layers = [
        nn.Conv2d(before, width, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(width, eps=1e-3, momentum=0.01),
    ]
    return nn.Sequential(*layers, *([nn.ReLU6(inplace=True)] if relu else []))


class MobileBlock(nn.Module):
    def __init__(self, before, width, kernel, stride, expansion):
        super().__init__()
        inner = before * expansion
        self.skip = stride == 1 and before == width
        self.body = nn.Sequential(
            *([conv(before, inner, 1)] if expansion > 1 else []),
            conv(inner, inner, kernel, stride, inner),
            conv(inner, width, 1, relu=False),
        )

    def forward(self, x):
        return x + self.body(x) if self.skip else self.body(x)


def efficientnet_lite0():
    stages = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112),
              (4, 5, 2, 6, 192), (1, 3, 1, 6, 320))  # fmt: skip
    parts, before = [conv(3, 32, 3, 2)], 32
    for repeats, kernel, stride, expansion, width in stages:
        for repeat in range(repeats):
            parts.append(MobileBlock(before, width, kernel, stride if repeat == 0 else 1, expansion))
            before = width
    return nn.Sequential(*parts, conv(before, 1280, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, CLASSES))


def fastest(run, batch):
    times = []
    for _ in range(WARM + STEPS):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return batch / min(times[WARM:])


def measure(name, batch, layout):
    torch.manual_seed(0)
    model = {"convnext_tiny": convnext_tiny, "efficientnet_lite0": efficientnet_lite0}[name]().to(memory_format=layout)
    images = torch.rand(batch, 3, SIZE, SIZE).to(memory_format=layout)
    targets = torch.arange(batch) % CLASSES
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)

    def forward():
        with torch.inference_mode():
            model(images)

    def step():
        loss = nn.functional.cross_entropy(model(images), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if not math.isfinite(loss.item()):
            raise ValueError("the loss is not finite")

    model.eval()
    inference = fastest(forward, batch)
    model.train()
    return {"forward": inference, "training": fastest(step, batch)}


def main():
    name, batch = sys.argv[1], int(sys.argv[2])
    found = [measure(name, batch, layout) for layout in (torch.contiguous_format, torch.channels_last)]
    print(json.dumps({key: max(one[key] for one in found) for key in found[0]}))


if __name__ == "__main__":
    main()
