"""Where a number comes from: the code's commit and the machine."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from undegrade.runtime.device import cores, cpu_says

ROOT = Path(__file__).resolve().parents[3]
"""The repository, where the package runs out of one."""


def commit() -> str:
    """The commit of the code, with ``+`` for a tree with changes; empty where it is not known."""
    if not ((ROOT / ".git").exists() and (ROOT / "src" / "undegrade").is_dir()):
        return ""
    try:
        head = _git("rev-parse", "--short", "HEAD")
        return head + ("+" if _git("status", "--porcelain", "--", "src") else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def machine() -> str:
    """Processor, cores of this process and system."""
    name = cpu_says("model name") or platform.processor() or platform.machine()
    return f"{name}, {cores()} cores, {platform.system()}"


def _git(*arguments: str) -> str:
    # A repository that is read must not be written to: no refreshed index.
    quiet = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    command = ["git", "-C", str(ROOT), *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=20, env=quiet
    )
    return done.stdout.strip()
