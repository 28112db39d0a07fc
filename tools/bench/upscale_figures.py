"""Torch's seconds for upscale.ts: python upscale_figures.py NETWORK SIDE. Weights are random, float32."""

import sys
import time

import torch
import torch.nn.functional as F

name, side = sys.argv[1], int(sys.argv[2])


def conv(inputs, outputs):
    return torch.nn.Conv2d(inputs, outputs, 3, padding=1)


def leaky(x):
    return F.leaky_relu(x, 0.2)


class Rrdb(torch.nn.Module):
    def __init__(self, features=64, growth=32, blocks=23):
        super().__init__()
        dense = lambda: torch.nn.ModuleList(conv(features + k * growth, features if k == 4 else growth) for k in range(5))
        self.body = torch.nn.ModuleList(torch.nn.ModuleList(dense() for _ in range(3)) for _ in range(blocks))
        self.first, self.last = conv(3, features), conv(features, 3)
        self.after, self.up1, self.up2, self.hr = (conv(features, features) for _ in range(4))

    def forward(self, x):
        x = first = self.first(x)
        for block in self.body:
            inner = x
            for convs in block:
                seen = [inner]
                for each in convs[:-1]:
                    seen.append(leaky(each(torch.cat(seen, 1))))
                inner = convs[-1](torch.cat(seen, 1)) * 0.2 + inner
            x = inner * 0.2 + x
        x = first + self.after(x)
        for up in (self.up1, self.up2):
            x = leaky(up(F.interpolate(x, scale_factor=2)))
        return self.last(leaky(self.hr(x)))


class Compact(torch.nn.Module):
    def __init__(self, features=64, convs=32):
        super().__init__()
        layers = [conv(3, features), torch.nn.PReLU(features)]
        for _ in range(convs):
            layers += [conv(features, features), torch.nn.PReLU(features)]
        self.body = torch.nn.Sequential(*layers, conv(features, 48), torch.nn.PixelShuffle(4))

    def forward(self, x):
        return self.body(x) + F.interpolate(x, scale_factor=4)


with torch.no_grad():
    net = (Rrdb() if name.startswith("RealESRGAN") else Compact()).eval()
    net(torch.rand(1, 3, 16, 16))
    times = []
    for _ in range(2):
        begin = time.perf_counter()
        net(torch.rand(1, 3, side, side))
        times.append(time.perf_counter() - begin)
print(min(times))
