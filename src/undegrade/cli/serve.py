"""``undegrade serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from undegrade.cli.options import needed
from undegrade.cli.wording import tell


def serve(
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen at.", min=1, max=65535)] = 8400,
    workers: Annotated[
        int | None, typer.Option(help="Jobs at a time; default: one for four cores.", min=1)
    ] = None,
    max_megapixels: Annotated[
        float, typer.Option(help="Refuse larger photos before decoding them.")
    ] = 50.0,
    max_upload: Annotated[str, typer.Option(help="Largest upload, such as 64M.")] = "64M",
    max_memory: Annotated[
        str, typer.Option(help="Memory that a job may be forecast to take, such as 3G.")
    ] = "3G",
    max_stored: Annotated[str, typer.Option(help="Room for photos and results.")] = "4G",
    queue: Annotated[int, typer.Option(help="Jobs that may wait.", min=1)] = 32,
    keep: Annotated[str, typer.Option(help="Photos and results are deleted after.")] = "1h",
    job_time: Annotated[str, typer.Option(help="Longest run of a job.")] = "5m",
    sync_megapixels: Annotated[
        float, typer.Option(help="Larger results are jobs, never waited for.")
    ] = 4.0,
    sync_time: Annotated[
        str, typer.Option(help="Longest wait for a result; what takes longer is a job.")
    ] = "30s",
    token_file: Annotated[
        Path | None, typer.Option(help="File with the token that clients must show.")
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Name by which clients may call the service; repeatable."),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Where the private temporary folder is made.")
    ] = None,
    open: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Serve the page and the REST interface (needs the extra web)."""
    from undegrade.service.settings import Settings, default_workers, read_token, seconds, size

    settings = Settings(
        host=host,
        port=port,
        hosts=tuple(allow_host or ()),
        token=read_token(token_file) if token_file else None,
        folder=folder,
        workers=workers or default_workers(),
        max_megapixels=max_megapixels,
        max_upload=size(max_upload),
        max_memory=size(max_memory),
        max_stored=size(max_stored),
        queue=queue,
        keep=seconds(keep),
        job_seconds=seconds(job_time),
        sync_megapixels=sync_megapixels,
        sync_seconds=seconds(sync_time),
    )
    with needed("the service", "web"):
        from undegrade.service import server
    sockets = server.listen(settings)
    if not settings.is_loopback and settings.token is None:
        tell(
            f"warning: everybody who can reach {host}:{port} can use this service and its "
            "processor; give it a token with --token-file, or listen at 127.0.0.1 behind a proxy "
            "that asks for one"
        )
    shown = f"[{host}]" if ":" in host else host
    tell(f"http://{shown}:{port}/ (Ctrl-C to stop)")
    if open:
        import threading
        import webbrowser

        here = "127.0.0.1" if host in ("0.0.0.0", "::") else shown
        # It listens already; and a browser of the terminal would not return.
        page = f"http://{here}:{port}/"
        threading.Thread(target=webbrowser.open, args=(page,), daemon=True).start()
    server.serve(settings, sockets)
