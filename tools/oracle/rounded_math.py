"""torch's float32 square roots, logarithms and exponentials, rounded to nearest.

torch on x86 asks MKL for them, whose last bit is off in some 17, 5 and 1 of 100 values (torch 2.13 on an AMD EPYC: errors up to
0.75, 0.85 and 0.56 of a last place), and need not be on another machine. A Brownian tree tells apart times that differ in the last
bit: its noise moves by the root of the difference, 1e-4 to 1e-3. Where a recording is to be held closer, it is made with these.
"""

import contextlib

import numpy as np
import torch


def rounded(function):
    def of(x):
        values = function(x.numpy().astype(np.float64)).astype(np.float32)
        return torch.from_numpy(np.atleast_1d(values)).reshape(x.shape)

    return of


@contextlib.contextmanager
def rounded_math():
    kept = {name: getattr(torch.Tensor, name) for name in ("log", "exp", "sqrt", "__pow__")}

    def of(name, function):
        return lambda self: rounded(function)(self) if self.dtype == torch.float32 else kept[name](self)

    def power(self, exponent):
        if exponent == 0.5 and self.dtype == torch.float32:
            return rounded(np.sqrt)(self)
        return kept["__pow__"](self, exponent)

    try:
        with np.errstate(divide="ignore"):
            for name, function in (("log", np.log), ("exp", np.exp), ("sqrt", np.sqrt)):
                setattr(torch.Tensor, name, of(name, function))
            torch.Tensor.__pow__ = power
            yield
    finally:
        for name, original in kept.items():
            setattr(torch.Tensor, name, original)
