"""``undegrade train``, ``recipes``, ``export`` and ``quantise``: networks are made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from undegrade.cli.options import needed

Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change a setting: key=value (YAML), key.inner=value."),
]


def train(
    recipe: Annotated[
        str,
        typer.Argument(
            help="A bundled recipe or a .yaml file, NAME:VARIANT for a variant; or the folder of a "
            "run, to go on with it."
        ),
    ],
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="Tar packs, folders, manifests (.csv), LAYOUT:FOLDER (`data list`), or "
            "package.module:function. A run has its own."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder of the run. A run has its own.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Fit the whole schedule into this time.")
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option(
            help="Start from the weights of this checkpoint or .onnx file, or those of this name "
            "that `models fetch` brought."
        ),
    ] = None,
    set: Set = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Measure five steps of each stage, and train nothing.")
    ] = False,
    wandb: Annotated[
        str | None, typer.Option(help="Show the run in this project of Weights & Biases, too.")
    ] = None,
) -> None:
    """Train a network; a folder that already holds a run is resumed."""
    from undegrade.errors import UsageError

    training = _training()
    files = training.recipe_file
    chosen = files.read(recipe, _overrides(set))
    if files.is_run(recipe):
        path = Path(recipe) if Path(recipe).is_dir() else Path(recipe).parent
        made = training.checkpoint.made_of(path / training.checkpoint.LAST)
        data = data or [row["source"] for row in made.get("sources", [])]
        output = output or path
    if not data:
        raise UsageError("no photos were given", "name them with --data")
    if dry_run:
        _tell(*training.dry_run.dry_run(chosen, data, device))
        return
    if output is None:
        raise UsageError("no folder was given", "name one with -o")
    if init is not None and init.parent == Path() and not init.suffix:
        from undegrade.catalog import checkpoints

        init = checkpoints.find(init.name)
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
            wandb=wandb,
        )
    typer.echo(run.path)


def _tell(stages: list[Any], parameters: dict[str, int], memory: int) -> None:
    for stage in stages:
        shapes = f"{stage.input} to {stage.output}"
        rates = f"{stage.step_seconds:.3g} s a step  {stage.seconds / 3600:.3g} hours"
        typer.echo(f"{stage.stage:<18}{shapes}  {rates}")
    for name, count in parameters.items():
        typer.echo(f"{name:<18}{count:,} parameters")
    hours = sum(stage.seconds for stage in stages) / 3600
    typer.echo(f"{'in all':<18}{hours:.3g} hours, {memory / 2**20:,.0f} MB of memory")


recipes = typer.Typer(help="List the bundled recipes with their variants, or show one.")


@recipes.callback(invoke_without_command=True)
def list_recipes(context: typer.Context) -> None:
    """List the bundled recipes with their variants, or show one."""
    if context.invoked_subcommand:
        return
    files = _training().recipe_file
    for name in files.names():
        chosen = files.read(name)
        typer.echo(f"{name:<16}{chosen.card.get('summary', '')}")
        typer.echo(f"{'':16}variants: {', '.join(files.variants(name))}")


@recipes.command("show")
def show_recipe(
    recipe: Annotated[
        str, typer.Argument(help="A recipe as for `train`, or a checkpoint, which has its own.")
    ],
    set: Set = None,
) -> None:
    """Print a recipe complete, every setting with its value, as YAML."""
    import json

    import yaml

    chosen = _training().recipe_file.read(recipe, _overrides(set))
    plain = json.loads(json.dumps(chosen.as_dict()))  # lists for tuples
    typer.echo(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True), nl=False)


def export(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint of a run.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for model and card.")],
    recipe: Annotated[
        str | None, typer.Option(help="A recipe instead of the one inside the checkpoint.")
    ] = None,
    mix: Annotated[
        str | None, typer.Option(help="Mix with this model of the same network: a name or file.")
    ] = None,
    share: Annotated[float, typer.Option(help="Share of that model, 0..1.", min=0, max=1)] = 0.0,
    weights: Annotated[
        bool, typer.Option("--weights", help="Write weights for `train --init`, not ONNX.")
    ] = False,
    set: Set = None,
) -> None:
    """Turn a checkpoint into an ONNX file and a card that `enhance --model` runs."""
    from undegrade.errors import UsageError

    training = _training()
    if checkpoint.is_dir():
        checkpoint = checkpoint / training.checkpoint.LAST
    chosen = training.recipe_file.read(recipe or str(checkpoint), _overrides(set))
    if (mix is None) != (share == 0) or (mix and chosen.only_regressor):
        raise UsageError("--mix and --share belong together", "give both, for a generator")
    if weights and (mix or chosen.only_regressor):
        raise UsageError("--weights are of a generator as it is", "leave --mix out")
    if weights:
        card = training.export.write_weights(chosen, checkpoint, output)
    elif chosen.only_regressor:
        card = training.export.write_regressor(chosen, checkpoint, output)
    else:
        card = training.export.write_model(chosen, checkpoint, output, mix or "", share)
    typer.echo(output / card.file)


def quantise(
    model: Annotated[str, typer.Argument(help="A model's name, or an .onnx file.")],
    data: Annotated[
        list[str], typer.Argument(help="Training photos: tar packs, folders, manifests (.csv).")
    ],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="Folder for weights and card; may be the model's."),
    ],
    seed: Annotated[int, typer.Option(help="Of the crops that are drawn.")] = 0,
) -> None:
    """Put a network for restoring, super-resolution or low light in 8 bit: about twice as fast.

    Its ranges are found on crops of training photos; what it loses is measured on photos held out.
    """
    from undegrade.catalog import Catalog
    from undegrade.runtime import find_model

    found = find_model(model, Catalog())
    with needed("quantising", "train"):
        from undegrade.training.quantise import write_int8
    card, losses = write_int8(found, data, output, seed)
    for name, loss in losses.items():
        typer.echo(f"{name:<16}{loss:6.3f} dB lost", err=True)
    typer.echo(output / card.int8)


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
    with needed("training", "train"):
        import undegrade.training.dry_run
        import undegrade.training.export
        import undegrade.training.loop
        import undegrade.training.monitor
        import undegrade.training.recipe_file
    return undegrade.training
