"""DLL-GAN (Kas et al., ESWA 2024): does a regressor of degradation levels improve a GAN?

**Registered before any run.** One generator for all levels of a task (``:blind``, half width) is
begun on L1, and one regressor R learns to tell the levels apart, in two budgets together; from
there go on, on the same batches,

- L1;
- GAN: L1 and the pixel discriminator;
- GAN + R raw: and what R reads off the output (equation 6 of the paper);
- GAN + R to truth: and by how much R reads more off the output than off the truth;
- GAN + R adapted: the same, after R has learned from stored outputs too, for half a budget.

R weighs a tenth of L1's gradient at the output in all three. Three seeds; noise of sigma 25, 50,
70, JPEG of quality 10, 20, 40, and enlargement by 4 and 8. PSNR, LPIPS, and ``level``: what is
left in the eyes of a regressor of another width and seed that no arm has seen, with a row for the
truth.

**Yes**, for each task: GAN + R adapted gains over GAN in PSNR (worth the name from 0.1 dB) and in
LPIPS (0.005), and the gain in PSNR is larger at the worst level than at the mildest (0.05 dB),
for the paper claims most at high levels. **No**: one of these can be ruled out. The other two
forms of R are asked the same of PSNR, and decide nothing: they say what mending R was worth.
"""

from __future__ import annotations

from benchmarks.claims import cases
from benchmarks.claims.command import main
from benchmarks.claims.registration import Arm, Claim, Question, Settings, Study
from benchmarks.claims.scores import LPIPS

PHOTOS = ("photos-0.tar", "photos-1.tar", "photos-clic-cid.tar")

WARM: Settings = {
    "stages.warm": {
        "kind": "generator",
        "before": "regressor",
        "steps": 3000,
        "share": 3,
        "rate": 7e-4,
        "warmup": 100,
        "losses": {"l1": 1.0},
    },
    "stages.regressor.share": 1,
}
BEGIN = WARM | {"stages.adversarial": None}
LEVEL = "stages.adversarial.losses.level"
WITHOUT: Settings = {LEVEL: None}
ALONE: Settings = WITHOUT | {
    "stages.adversarial.kind": "generator",
    "stages.adversarial.losses.adversarial": None,
}
JUDGE: Settings = {
    "regressor.arguments.channels": 24,
    "discriminators": None,
    "stages.adversarial": None,
}


def study(name: str, recipe: str, pack: str, settings: dict[str, cases.Damage]) -> Study:
    """The arms of one task."""
    plain, adapted = f"{recipe}:blind+study", f"{recipe}:blind+adapted+study"
    adapt = BEGIN | {"stages.adapt.before": ""}
    return Study(
        name,
        PHOTOS,
        (
            Arm("warm", plain, BEGIN, length=2, shown=False),
            Arm("adapted", adapted, adapt, start="warm", length=0.5, shown=False),
            Arm("L1", plain, WARM | ALONE, start="warm"),
            Arm("GAN", plain, WARM | WITHOUT, start="warm"),
            Arm("GAN + R raw", plain, WARM | {f"{LEVEL}.mode": "mean"}, start="warm"),
            Arm("GAN + R to truth", plain, WARM, start="warm"),
            Arm("GAN + R adapted", adapted, WARM, start="adapted"),
        ),
        cases.damaged(pack, settings, multiple=16),
        ("psnr", "ssim", LPIPS),
        judge=Arm("judge", plain, JUDGE),
    )


def questions(name: str, mildest: str, worst: str) -> tuple[Question, ...]:
    best, base = "GAN + R adapted", "GAN"
    others = ("GAN + R raw", "GAN + R to truth")
    return (
        Question(f"{name}: {best} over {base}", name, "psnr", best, base, 0.1),
        Question(f"{name}: {best} over {base}", name, LPIPS, best, base, 0.005),
        Question(
            f"{name}: more at {worst} than at {mildest}",
            *(name, "psnr", best, base, 0.05, (worst,), (mildest,)),
        ),
        *(
            Question(f"{name}: {arm} over {base}", name, "psnr", arm, base, 0.1, decides=False)
            for arm in others
        ),
    )


CLAIM = Claim(
    "dllgan",
    "a regressor of degradation levels improves a GAN, most at high levels",
    (
        study(
            *("noise", "dllgan-denoise", "cbsd68.tar"),
            {f"sigma {s}": cases.noisy(s) for s in (25, 50, 70)},
        ),
        study(
            *("jpeg", "dllgan-jpeg", "live1.tar"),
            {f"quality {q}": cases.coded(q) for q in (10, 20, 40)},
        ),
        study(
            *("sr", "dllgan-sr", "cbsd68.tar"),
            {f"x{s}": cases.reduced(s) for s in (4, 8)},
        ),
    ),
    (
        *questions("noise", "sigma 25", "sigma 70"),
        *questions("jpeg", "quality 40", "quality 10"),
        *questions("sr", "x4", "x8"),
    ),
    cases.examples("sigma 50", cases.noisy(50)),
)

if __name__ == "__main__":
    main(CLAIM)
