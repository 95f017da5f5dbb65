"""Where the work is done."""

from __future__ import annotations

from dataclasses import dataclass, replace

from undegrade.cluster.worker import WorkerSettings
from undegrade.errors import UsageError

HERE = "here"
"""Address that needs no Ray: one process, this one."""

CLIENT = "ray://"
"""Beginning of an address from outside a cluster: the driver is then inside it."""


@dataclass(frozen=True)
class Cluster:
    """Where the work is done and how much of it at a time."""

    address: str = "local"
    """``local``, ``auto``, ``HOST:PORT``, ``ray://HOST:PORT``, or ``here`` for this process."""
    cpus_per_task: float = 1.0
    gpus_per_task: float = 0.0
    batch_megapixels: float = 50.0
    """Of one unit of work: what a killed worker repeats."""
    max_in_flight: int = 2
    """Units at each worker: one in work, the others waiting."""
    workers: int | None = None
    """At most so many; by default as many as the cluster has room for."""

    def __post_init__(self) -> None:
        for name in ("cpus_per_task", "batch_megapixels", "max_in_flight"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                option = "--" + name.removesuffix("_megapixels").replace("_", "-")
                raise UsageError(f"{option} {value:g} is not possible", "give a number above 0")
        if not 0 <= self.gpus_per_task < float("inf"):
            what = f"--gpus-per-task {self.gpus_per_task:g} is not possible"
            raise UsageError(what, "give 0 or a number above")
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"--workers {self.workers} is not possible", "give 1 or more")

    def fitted(self, settings: WorkerSettings) -> WorkerSettings:
        """The *settings* of a worker: Ray lends a GPU only to whom it has promised one.

        Raises
        ------
        UsageError: a device is wished for that no worker will have.
        """
        if self.address == HERE:
            return settings
        device = "gpu" if self.gpus_per_task else "cpu"
        if settings.device not in ("auto", device):
            raise UsageError(
                f"--device {settings.device} does not go with "
                f"--gpus-per-task {self.gpus_per_task:g}",
                "say how much of a GPU each worker gets, or leave --device away",
            )
        return replace(settings, device=device)
