"""The command line: the verbs, and no logic.

stdout is data, stderr is for people. Heavy modules are imported inside the verbs, so that
``undegrade --help`` answers at once.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from typing import Annotated, NoReturn

import typer

from undegrade.cli.cluster import cluster
from undegrade.cli.data import align, data, degrade
from undegrade.cli.enhance import diagnose, enhance, watch
from undegrade.cli.evaluate import evaluate
from undegrade.cli.models import doctor, models
from undegrade.cli.serve import serve
from undegrade.cli.train import export, quantise, recipes, train
from undegrade.cli.wording import tell
from undegrade.errors import OutputError, UndegradeError

app = typer.Typer(
    name="undegrade",
    help="Finds out what a photo has lost - noise, JPEG artefacts, resolution - and gives it back.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        from undegrade.version import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


for verb in (
    *(enhance, watch, diagnose, degrade, align, evaluate),
    *(train, export, quantise, serve, cluster, doctor),
):
    app.command()(verb)
app.add_typer(models, name="models")
app.add_typer(data, name="data")
app.add_typer(recipes, name="recipes")


def main() -> None:
    """Run the command line; every error becomes one line and an exit code.

    Typer itself ends quietly with 130 on Ctrl-C, and with 1 where the reader of stdout has left. To
    be told to end, or to lose the terminal, is a Ctrl-C: the tiles in flight are finished, and
    nothing half-written is left.
    """
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    try:
        app()
    except UndegradeError as error:
        _end(error)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        if sys.stdout:
            # What is left in its buffer would be tried again, and fail again, at the very end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _end(OutputError(f"cannot write: {error.strerror}", "free some space, or redirect stdout"))


def _end(error: UndegradeError) -> NoReturn:
    tell(error)
    sys.exit(error.exit_code)
