"""``undegrade models``, and ``doctor``: what is at hand, and whether it is sound."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from undegrade.cli import options
from undegrade.cli.wording import plural, print_json, tell

models = typer.Typer(
    help="The networks at hand: list, show, verify, add, fetch.", no_args_is_help=True
)


@models.command("list")
def list_models(json: options.Json = False) -> None:
    """List the models with what they do, their size, speed (in 8 bit, too) and licence."""
    from undegrade.catalog import Catalog

    found = Catalog().models
    if json:
        print_json([model.card.as_dict() for model in found.values()], indent=1)
        return
    typer.echo(
        f"{'name':<22}{'task':<9}{'scale':<7}{'parameters':>10}  {'s/MP':>6}  {'int8':>6}  licence"
    )
    for model in found.values():
        card = model.card
        speed, faster = (
            f"{seconds:.2f}" if seconds else "-"
            for seconds in (card.seconds_per_megapixel, card.int8_seconds_per_megapixel)
        )
        typer.echo(
            f"{card.name:<22}{card.task:<9}x{card.scale:<6}{card.parameters:>10,}  {speed:>6}  "
            f"{faster:>6}  {card.licence or '-'}"
        )


@models.command()
def show(name: str, json: options.Json = False) -> None:
    """Show the card of a model: what it needs, what it was trained on, how it scores."""
    from undegrade.catalog import Catalog
    from undegrade.runtime import find_model

    model = find_model(name, Catalog())
    card = model.card
    if json:
        print_json(card.as_dict() | {"path": str(model.path)}, indent=1)
        return
    rows = card.as_dict()
    rows.pop("scores")
    for key, value in rows.items():
        shown = ", ".join(value) if isinstance(value, tuple) else value
        if shown not in ("", 0, 0.0):
            typer.echo(f"{key:<22}{shown}")
    for score in card.scores:
        beside = {"input": score.input, "bound": score.bound}
        known = [f"{name} {value:.2f}" for name, value in beside.items() if value is not None]
        typer.echo(
            f"{'score':<22}{score.protocol}: {score.metric} {score.value:.2f} "
            f"({', '.join([*known, f'{score.n} images'])})"
        )


@models.command()
def verify(names: Annotated[list[str] | None, typer.Argument()] = None) -> None:
    """Check weights against their cards: hash, and that they open and run."""
    from undegrade.catalog import Catalog
    from undegrade.errors import ModelError
    from undegrade.runtime import find_model, verify_model

    catalog = Catalog()
    failed = 0
    for name in names or catalog.models:
        try:
            verify_model(find_model(name, catalog))
            typer.echo(f"{name}: sound")
        except ModelError as error:
            failed += 1
            tell(error)
    if failed:
        raise ModelError(f"{plural(failed, 'model')} failed", "install undegrade or add them again")


@models.command()
def add(
    file: Annotated[Path, typer.Argument(help="An ONNX file; a card beside it is used.")],
    name: Annotated[str | None, typer.Option(help="What to call it; default: the file's.")] = None,
) -> None:
    """Add your own ONNX network; without a card, its scale and reach are probed."""
    from undegrade import catalog
    from undegrade.runtime import find_model

    model = catalog.add(find_model(str(file), catalog.Catalog()), name)
    card = model.card
    typer.echo(
        f"added {card.name}: task {card.task}, scale {card.scale}, radius {card.radius} pixels"
        + ("" if card.exact else " (wider than could be probed: tiles may show seams)")
    )


@models.command()
def fetch(
    names: list[str],
    source: Annotated[
        str, typer.Option("--from", help="A folder or address; default: the repository's.")
    ] = "",
) -> None:
    """Bring published weights that `train --init NAME` begins with."""
    from undegrade.catalog import checkpoints

    for name in names:
        card, path = checkpoints.fetch(name, source or checkpoints.SOURCE)
        typer.echo(f"{name}: {card.parameters:,} parameters, {card.licence or '-'}, {path}")


def doctor() -> None:
    """Say what this machine offers and whether everything needed is sound."""
    import platform
    from importlib import metadata

    import onnxruntime as ort
    from PIL import features

    from undegrade.catalog import Catalog
    from undegrade.errors import ModelError
    from undegrade.runtime import cores, devices, verify_model
    from undegrade.version import __version__

    def line(key: str, value: object) -> None:
        typer.echo(f"{key:<14}{value}")

    line("undegrade", __version__)
    line("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    line("cores", cores())
    line("onnxruntime", f"{ort.__version__}: {', '.join(ort.get_available_providers())}")
    line("devices", ", ".join(devices()))
    line("Pillow", metadata.version("pillow"))
    readable = [name for name in ("jpg", "webp", "avif", "libtiff") if features.check(name)]
    try:
        readable.append(f"heif (pi-heif {metadata.version('pi-heif')})")
    except metadata.PackageNotFoundError:
        typer.echo('heif          not installed: pip install "undegrade[heif]"')
    line("formats", ", ".join(readable))
    broken: ModelError | None = None
    for name, model in Catalog().models.items():
        try:
            verify_model(model)
            line("model", f"{name}: sound")
        except ModelError as error:
            broken = error
            line("model", f"{name}: {error}")
    if broken:
        raise broken
