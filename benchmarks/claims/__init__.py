"""The claims of the five published systems, decided as far as a budget can decide them.

    python -m benchmarks.claims.SYSTEM --data DATA --runs RUNS (--minutes M | --steps N) [--write]

from the root of the repository, with SYSTEM one of ``dllgan``, ``drgn``, ``artifact_gan``,
``phone`` and ``faces``. DATA holds the packs of photos in ``train/`` and ``test/``;
``UNDEGRADE_BACKBONES`` names the folder of SqueezeNet's published weights.

Each of these files is a registration: its docstring says, before any run, which arms there are,
what is measured, and what would count as yes and as no. The rest is common to all:

- every arm has the same budget, M minutes or N steps of its own stages, on every seed;
- arms of one seed see the same batches, step by step, and what they share they begin with:
  networks of the same weights, or one warm start (:mod:`.runs`);
- what was measured is compared picture by picture and seed by seed, by a bootstrap over both
  (:mod:`.decision`);
- a run that is finished is not made again, and one that was stopped goes on (:mod:`.runs`).

A claim is shown where the answer is yes both at equal minutes and at equal steps.
"""
