"""Writes what OpenCV's Canny makes of a few pictures, for packages/backend-local/src/adapters/control/prepare/canny.test.ts.

    pip install opencv-python-headless
    python tools/oracle/canny.py
"""

from pathlib import Path

import cv2
import numpy as np
import torch
from controls import control_picture
from pipeline_inputs import picture
from safetensors.torch import save_file

FILE = Path(__file__).parents[2] / "packages/backend-local/fixtures/canny.safetensors"


def main():
    noise = np.random.default_rng(1)
    smooth = cv2.GaussianBlur(noise.integers(0, 256, (48, 80, 3), dtype=np.uint8), (0, 0), 2.0)
    smooth = cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX)
    pictures = {"shapes": picture()[0], "lines": control_picture(), "clouds": smooth, "noise": noise.integers(0, 256, (33, 17, 3), dtype=np.uint8), "thin": smooth[:1], "dot": smooth[:1, :1]}
    tensors = {}
    for name, image in pictures.items():
        image = np.ascontiguousarray(image)
        tensors[name] = torch.from_numpy(image)
        for low, high in ((100, 200), (20, 60)):
            tensors[f"{name}.{low}.{high}"] = torch.from_numpy(cv2.Canny(image, low, high))
    save_file(tensors, FILE)
    print({key: int(value.sum()) // 255 for key, value in tensors.items() if "." in key})


if __name__ == "__main__":
    main()
