"""Faces, 16 to 64 pixels: does an adversary make better looks, and worse PSNR?

SRGAN is Ledig et al., CVPR 2017; the other is a residual DCGAN.

**Registered before any run.** 3,936 aligned faces of CelebA, on the same batches,

- SRResNet with 8 blocks, on L1;
- SRGAN: the same network, five sevenths of its steps on L1, the rest against an adversary with
  SqueezeNet's features;
- DCGAN: L1, then L1 and an adversary, without features of another network.

Three seeds; 200 faces of LFW, another set. PSNR, SSIM, and LPIPS (of the network that SRGAN
learned from, which flatters it and not the DCGAN).

**Yes**: SRGAN gains over SRResNet in LPIPS (worth the name from 0.02) and SRResNet over SRGAN in
PSNR (0.3 dB). **No**: one of these can be ruled out. Whether the DCGAN gains over SRResNet in
LPIPS, and SRGAN over the DCGAN, is asked, too, and decides nothing.
"""

from __future__ import annotations

from benchmarks.claims import cases
from benchmarks.claims.command import main
from benchmarks.claims.registration import Arm, Claim, Question, Study
from benchmarks.claims.scores import LPIPS

MANY = {"validation.photos": 64}

CLAIM = Claim(
    "faces",
    "an adversary makes better looks of faces, and worse PSNR",
    (
        Study(
            "faces",
            ("faces.tar",),
            (
                Arm("SRResNet", "srgan-face:study+l1", MANY),
                Arm("SRGAN", "srgan-face:study", MANY),
                Arm("DCGAN", "dcgan-face:study", MANY),
            ),
            cases.faces,
            ("psnr", "ssim", LPIPS),
        ),
    ),
    (
        Question("SRGAN over SRResNet", "faces", LPIPS, "SRGAN", "SRResNet", 0.02),
        Question("SRResNet over SRGAN", "faces", "psnr", "SRResNet", "SRGAN", 0.3),
        Question("DCGAN over SRResNet", "faces", LPIPS, "DCGAN", "SRResNet", 0.02, decides=False),
        Question("SRGAN over DCGAN", "faces", LPIPS, "SRGAN", "DCGAN", 0.01, decides=False),
    ),
    cases.portrait,
    zoom=2,
)

if __name__ == "__main__":
    main(CLAIM)
