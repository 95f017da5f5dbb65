"""Phone to camera (Prakash & Phumbhra, 2020): do content, texture and colour beat SRCNN and VDSR?

**Registered before any run.** Photos with made-up phone damage (DPED's are not at hand), on the
same batches of eight patches of 96 pixels,

- SRCNN and VDSR at their full width, by squared error;
- ours: the narrow generator on L1, content (SqueezeNet's features for VGG-16's), texture and
  colour;
- ours on L1 alone, on content alone, on texture alone, on colour alone.

Three seeds; 24 images of CBSD68. PSNR, SSIM with the 11x11 window, MS-SSIM, which is most likely
what the source calls SSIM, CIEDE2000 and LPIPS (of the network that content comes from, which
flatters it).

**Yes**: ours gains over VDSR and over SRCNN in MS-SSIM (worth the name from 0.005) and over VDSR
in CIEDE2000 (0.3). **No**: one of these can be ruled out. Whether SSIM agrees, and whether all
losses together gain over L1 alone in MS-SSIM and in LPIPS (0.01), is asked, too, and decides
nothing.
"""

from __future__ import annotations

from benchmarks.claims import cases
from benchmarks.claims.command import main
from benchmarks.claims.dllgan import PHOTOS
from benchmarks.claims.registration import Arm, Claim, Question, Settings, Study
from benchmarks.claims.scores import LPIPS

OURS = "phone:squeeze+study"
TERM = "stages.main.losses"


def alone(label: str) -> Arm:
    """Ours on one term of its loss."""
    changes: Settings = {f"{TERM}.{k}": None for k in ("l1", "content", "texture", "colour")}
    del changes[f"{TERM}.{label}"]
    if label == "colour":
        changes |= {f"{TERM}.colour.beside": "", f"{TERM}.colour.weight": 1.0}
    if label != "texture":
        changes |= {"stages.main.kind": "generator", "discriminators": None}
    return Arm(f"ours, {label} alone", OURS, changes)


L1 = alone("l1")

CLAIM = Claim(
    "phone",
    "content, texture and colour losses beat SRCNN and VDSR in SSIM",
    (
        Study(
            "phone",
            PHOTOS,
            (
                Arm("SRCNN", "srcnn:phone+study"),
                Arm("VDSR", "vdsr:phone+study"),
                Arm("ours", OURS),
                *(L1, alone("content"), alone("texture"), alone("colour")),
            ),
            cases.damaged("cbsd68.tar", {"phone": cases.by_phone}),
            ("psnr", "ssim", "ms-ssim", "ciede2000", LPIPS),
        ),
    ),
    (
        Question("ours over VDSR", "phone", "ms-ssim", "ours", "VDSR", 0.005),
        Question("ours over SRCNN", "phone", "ms-ssim", "ours", "SRCNN", 0.005),
        Question("ours over VDSR", "phone", "ciede2000", "ours", "VDSR", 0.3),
        Question("ours over VDSR", "phone", "ssim", "ours", "VDSR", 0.005, decides=False),
        Question("ours over SRCNN", "phone", "ssim", "ours", "SRCNN", 0.005, decides=False),
        Question("all over L1 alone", "phone", "ms-ssim", "ours", L1.label, 0.005, decides=False),
        Question("all over L1 alone", "phone", LPIPS, "ours", L1.label, 0.01, decides=False),
    ),
    cases.examples("phone", cases.by_phone),
)

if __name__ == "__main__":
    main(CLAIM)
