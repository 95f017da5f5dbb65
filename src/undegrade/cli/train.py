"""``undegrade train`` and ``undegrade export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

Recipe = Annotated[
    str, typer.Argument(help="A bundled recipe or a .yaml file; NAME:VARIANT for a variant.")
]


def train(
    recipe: Recipe,
    data: Annotated[
        list[str],
        typer.Option(help="Tar packs, folders, manifests (.csv), or LAYOUT:FOLDER (`data list`)."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the run.")],
    minutes: Annotated[
        float | None, typer.Option(help="Fit the whole schedule into this time.")
    ] = None,
    init: Annotated[
        Path | None, typer.Option(help="Start from the weights of this checkpoint or .onnx file.")
    ] = None,
    set: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a setting: key=value (YAML), key.inner=value."),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train a network; a folder that already holds a run is resumed."""
    training = _training()
    chosen = training.recipe_file.read(recipe, _overrides(set))
    with training.monitor.Display(chosen) as display:
        run = training.loop.fit(
            chosen,
            data,
            output,
            minutes=minutes,
            init=init,
            device=device,
            log=display.row,
            tick=display.tick,
        )
    typer.echo(run.path)


def recipes() -> None:
    """List the bundled recipes with their variants."""
    training = _training()
    for name in training.recipe_file.names():
        chosen = training.recipe_file.read(name)
        typer.echo(f"{name:<16}{chosen.card.get('summary', '')}")
        typer.echo(f"{'':16}variants: {', '.join(training.recipe_file.variants(name))}")


def export(
    recipe: Recipe,
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint of that recipe.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for model and card.")],
    mix: Annotated[
        str | None, typer.Option(help="Mix with this model of the same network: a name or file.")
    ] = None,
    share: Annotated[float, typer.Option(help="Share of that model, 0..1.", min=0, max=1)] = 0.0,
) -> None:
    """Turn a checkpoint into an ONNX file and a card that `enhance --model` runs."""
    from undegrade.errors import UsageError

    training = _training()
    chosen = training.recipe_file.read(recipe)
    if (mix is None) != (share == 0) or (mix and chosen.only_regressor):
        raise UsageError("--mix and --share belong together", "give both, for a generator")
    if chosen.only_regressor:
        card = training.export.write_regressor(chosen, checkpoint, output)
    else:
        card = training.export.write_model(chosen, checkpoint, output, mix or "", share)
    typer.echo(output / card.file)


def _overrides(settings: list[str] | None) -> dict[str, Any]:
    import yaml

    from undegrade.errors import UsageError

    values = {}
    for setting in settings or []:
        key, equals, value = setting.partition("=")
        if not equals:
            raise UsageError(f"--set {setting!r} has no '='", "write --set key=value")
        try:
            values[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise UsageError(f"--set {setting!r} is not YAML", "quote what is text") from None
    return values


def _training() -> Any:
    """The make half, or one line on how to install it."""
    from undegrade.errors import UsageError

    try:
        import undegrade.training.export
        import undegrade.training.loop
        import undegrade.training.monitor
        import undegrade.training.recipe_file
    except ModuleNotFoundError as error:
        raise UsageError(
            f"training needs {error.name}, which is not installed",
            'pip install "undegrade[train]"',
        ) from None
    return undegrade.training
