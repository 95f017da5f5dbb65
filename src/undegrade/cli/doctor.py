"""``undegrade doctor``."""

from __future__ import annotations

import typer


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
