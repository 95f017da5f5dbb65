"""Nodes for ComfyUI: link or copy this folder into ``custom_nodes/undegrade``.

A picture in ComfyUI is a tensor (B, H, W, 3) of float32 in [0, 1]. It is handed over as 16 bits, so
that nothing is rounded that could be seen.
"""

from __future__ import annotations

from typing import Any

import numpy as np

TASKS = ("auto", "restore", "denoise", "dejpeg", "lowlight", "fade", "phone", "sr", "face")


class Enhance:
    """What ``undegrade enhance`` does, for a batch of pictures."""

    CATEGORY = "image/undegrade"
    FUNCTION = "enhance"
    RETURN_TYPES = ("IMAGE", "STRING")
    RETURN_NAMES = ("image", "report")

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 - ComfyUI's name
        """The node's inputs."""
        return {
            "required": {"image": ("IMAGE",)},
            "optional": {
                "task": (TASKS,),
                "scale": ("INT", {"default": 1, "min": 1, "max": 4}),
                "strength": ("FLOAT", {"default": 1.0, "min": 0.0, "max": 1.5, "step": 0.05}),
                "detail": ("FLOAT", {"default": 0.0, "min": 0.0, "max": 1.0, "step": 0.05}),
                "detail_everywhere": ("BOOLEAN", {"default": False}),
                "keep_grain": ("BOOLEAN", {"default": False}),
            },
        }

    def enhance(
        self,
        image: Any,
        task: str = "auto",
        scale: int = 1,
        strength: float = 1.0,
        detail: float = 0.0,
        detail_everywhere: bool = False,
        keep_grain: bool = False,
    ) -> tuple[Any, str]:
        """The batch enhanced, and a line on each picture.

        Raises
        ------
        UndegradeError: a wish that is impossible; ComfyUI shows its one line.
        """
        from undegrade import Enhancer
        from undegrade.picture import from_array
        from undegrade.plan import Wishes

        wishes = Wishes(
            task,
            None if scale == 1 else scale,
            strength,
            detail=detail,
            detail_everywhere=detail_everywhere,
            keep=("grain",) if keep_grain else (),
        )
        enhancer = Enhancer()
        results = [enhancer(from_array(levels), wishes) for levels in _levels(image)]
        done = np.stack([one.array.astype(np.float32) / np.float32(65535) for one in results])
        lines = [
            ", then ".join(step.reason for step in one.steps) or "nothing to do" for one in results
        ]
        return image.new_tensor(done), "\n".join(lines)


class Diagnose:
    """What ``undegrade diagnose`` says, for a batch of pictures."""

    CATEGORY = "image/undegrade"
    FUNCTION = "diagnose"
    RETURN_TYPES = ("STRING",)
    RETURN_NAMES = ("findings",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 - ComfyUI's name
        """The node's inputs."""
        return {"required": {"image": ("IMAGE",)}}

    def diagnose(self, image: Any) -> tuple[str]:
        """A line on each picture."""
        from undegrade import Enhancer
        from undegrade.picture import from_array

        enhancer = Enhancer()
        found = (enhancer.diagnose(from_array(levels)) for levels in _levels(image))
        return ("\n".join(", ".join(one.words) or "clean" for one in found),)


def _levels(image: Any) -> np.ndarray:
    """A batch as (B, H, W, 3) uint16."""
    values = np.clip(image.cpu().numpy(), 0, 1)
    return np.rint(values * 65535).astype(np.uint16)


NODE_CLASS_MAPPINGS = {"UndegradeEnhance": Enhance, "UndegradeDiagnose": Diagnose}
NODE_DISPLAY_NAME_MAPPINGS = {
    "UndegradeEnhance": "Enhance (undegrade)",
    "UndegradeDiagnose": "Diagnose (undegrade)",
}
