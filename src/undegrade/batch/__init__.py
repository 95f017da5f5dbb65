"""Many photos at once: folders, globs, a manifest, resuming, workers."""

from undegrade.batch.jobs import Job, collect, photos
from undegrade.batch.manifest import Manifest
from undegrade.batch.run import Outcome, run

__all__ = ["Job", "Manifest", "Outcome", "collect", "photos", "run"]
