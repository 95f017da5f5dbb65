"""Many photos at once: folders, globs, a manifest, resuming, workers."""

from undegrade.batch.jobs import FileJob, collect, photos
from undegrade.batch.manifest import Manifest
from undegrade.batch.run import Outcome, run

__all__ = ["FileJob", "Manifest", "Outcome", "collect", "photos", "run"]
