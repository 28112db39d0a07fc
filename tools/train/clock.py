"""Schedules by wall clock, so that a run ends on time whatever else the machine does."""
import math
import time


class Clock:
    """Fraction of the run's seconds that have passed, across restarts (`spent` is saved with the checkpoint)."""

    def __init__(self, minutes, spent=0.0):
        self.total, self.spent, self.since = minutes * 60, spent, time.time()

    def elapsed(self):
        return self.spent + time.time() - self.since

    def progress(self):
        return min(1.0, self.elapsed() / self.total)


def rate(progress, step, warmup=200, decay=0.3, floor=0.02):
    """Learning-rate factor: linear warm-up over steps, flat, then a cosine down over the last `decay` of the time."""
    factor = min(1.0, (step + 1) / warmup)
    if progress > 1 - decay:
        factor *= floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * (progress - 1 + decay) / decay))
    return factor
