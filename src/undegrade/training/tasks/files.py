"""Pictures through a real encoder, for validation; training has its own on tensors."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def through_pillow(pictures: Tensor, quality: int) -> Tensor:
    """Each picture (N, 3, H, W) in [0, 1] as Pillow's JPEG of *quality* 1..95 gives it back."""
    coded = []
    for picture in pictures:
        pixels = (picture.permute(1, 2, 0).cpu().numpy() * 255).round().astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality)
        with Image.open(file) as image:
            coded.append(torch.from_numpy(np.array(image)).permute(2, 0, 1))
    return torch.stack(coded).float().to(pictures.device) / 255.0
