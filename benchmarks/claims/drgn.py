"""DRGN (Jiang et al., AAAI 2022): do two steps beat one, and do pairs that DeG makes help?

**Registered before any run.** 10, 30, 100 and all of the pairs of LOL and SICE that share no
scene with the validation pairs (evenly spaced over the packs), and on each number of them, on the
same batches,

- one step: a single network with as many parameters as both steps together;
- two steps: DeG alone at first, then DeG and ReG;
- + literal pairs: and pairs by the rule as the paper's figure reads, ``clip(I_ref + I_D)``;
- + ghost-free pairs: and pairs by gain and noise, which hold nothing of another scene.

Three seeds; the 15 validation pairs of LOL, whole. PSNR, plain and with the mean of the truth
given (``psnr-gt-mean``, for the exposure that a photographer wanted cannot be read off a dark
photo), SSIM and LPIPS.

**Yes**: two steps gain over one on all pairs, and ghost-free pairs over none on 10 and on 30
pairs, where there is most to be gained from more, each in PSNR with the mean given and worth the
name from 0.3 dB (runs of one recipe differ by as much on these 15 pictures). **No**: one of these
can be ruled out. Whether ghost-free pairs are better than literal ones is asked, too, and decides
nothing.
"""

from __future__ import annotations

from benchmarks.claims import cases
from benchmarks.claims.command import main
from benchmarks.claims.registration import Arm, Claim, Question, Study
from benchmarks.claims.scores import GT_MEAN, LPIPS

ONE, TWO = "one step", "two steps"
LITERAL, FREE = "two steps + literal pairs", "two steps + ghost-free pairs"


def study(photos: int) -> Study:
    """The arms on so many pairs; 0 is all."""
    return Study(
        name(photos),
        ("lol-0.tar", "lol-1.tar", "sice.tar"),
        (
            Arm(ONE, "drgn:study+one-step"),
            Arm(TWO, "drgn:study+two-step"),
            Arm(LITERAL, "drgn:study+pairs+faithful"),
            Arm(FREE, "drgn:study+pairs"),
        ),
        cases.lol,
        ("psnr", GT_MEAN, "ssim", LPIPS),
        photos=photos,
    )


def name(photos: int) -> str:
    return f"{photos}-pairs" if photos else "all-pairs"


def asked(photos: int, better: str, worse: str, decides: bool = True) -> Question:
    text = f"{name(photos).replace('-', ' ')}: {better} over {worse}"
    return Question(text, name(photos), GT_MEAN, better, worse, 0.3, decides=decides)


CLAIM = Claim(
    "drgn",
    "two steps beat one, and synthetic pairs help",
    tuple(study(photos) for photos in (0, 100, 30, 10)),
    (
        asked(0, TWO, ONE),
        asked(10, FREE, TWO),
        asked(30, FREE, TWO),
        *(asked(photos, TWO, ONE, False) for photos in (100, 30, 10)),
        *(asked(photos, FREE, TWO, False) for photos in (100, 0)),
        *(asked(photos, FREE, LITERAL, False) for photos in (10, 30, 100, 0)),
    ),
    cases.examples("darkened", cases.darkened),
)

if __name__ == "__main__":
    main(CLAIM)
