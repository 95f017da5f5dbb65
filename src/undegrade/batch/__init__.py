"""Many photos at once: folders, globs, a manifest, resuming, workers."""

from undegrade.batch.jobs import Job, collect, photos
from undegrade.batch.manifest import Manifest
from undegrade.batch.run import Outcome, Writing, run

__all__ = ["Job", "Manifest", "Outcome", "Writing", "collect", "photos", "run"]
