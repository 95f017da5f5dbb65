"""Which faded prints are found unasked, and which photos are taken for one.

    python benchmarks/fade_photos.py FOLDER_OR_PACK...

Each photo, however small, is judged as it is, and once more through the operator ``fade``, its
parameters drawn by the photo's own digest (the protocol ``fade``). Of faded ones those count that
have changed by 5 of 100 or more; what enhancing gives back is told of those that are found.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from undegrade.catalog import Catalog
from undegrade.diagnosis.decide import decide_fade
from undegrade.diagnosis.fade import open_fade
from undegrade.evaluation import cases
from undegrade.evaluation.cases import as_bytes, as_floats
from undegrade.evaluation.sets import open_set
from undegrade.metrics import metric
from undegrade.picture import from_array
from undegrade.runtime import open_network, process

VISIBLE = 0.05


def main() -> None:
    model, psnr = Catalog().models["fade"], metric("psnr")
    reader, network = open_fade(model), open_network(model)
    for name in sys.argv[1:]:
        wrong, found, faded, gains = [], 0, 0, []
        pictures = open_set(Path(name)).items
        for item in pictures:
            photo = item.read()
            case = cases.drawn(photo, "fade")
            if decide_fade(reader(from_array(case.truth))).found:
                wrong.append(photo.name)
            if np.abs(case.input - as_floats(case.truth)).mean() < VISIBLE:
                continue
            faded += 1
            print8 = as_bytes(case.input)
            if decide_fade(reader(from_array(print8))).found:
                found += 1
                out = process(network, print8)
                gains.append(psnr(out, case.truth) - psnr(print8, case.truth))
        print(f"{name}: {len(wrong)} of {len(pictures)} taken for faded: {', '.join(wrong)}")
        print(f"  of {faded} faded ones {found} found, which gain {np.mean(gains):.2f} dB")


if __name__ == "__main__":
    main()
