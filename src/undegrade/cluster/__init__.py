"""Objects of any store, on one machine or many: Ray Data runs it, fsspec reads and writes.

>>> from undegrade.cluster import Cluster, WorkerSettings, run
>>> run("s3://in/photos", "s3://out", WorkerSettings(), Cluster("auto"))  # doctest: +SKIP
"""

from undegrade.cluster.ledger import Ledger
from undegrade.cluster.objects import Object, list_objects
from undegrade.cluster.ray_data import HERE, Cluster
from undegrade.cluster.run import Tally, run
from undegrade.cluster.worker import ROW, Enhance, WorkerSettings

__all__ = [
    "HERE",
    "ROW",
    "Cluster",
    "Enhance",
    "Ledger",
    "Object",
    "Tally",
    "WorkerSettings",
    "list_objects",
    "run",
]
