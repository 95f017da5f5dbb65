"""Networks on pictures: sessions, exact tiles, true colours and the promised bound on memory."""

from undegrade.runtime.colour_lock import lock_colour
from undegrade.runtime.device import PRECISIONS, choose_precision, cores, devices, providers
from undegrade.runtime.memory import Stage, memory_bound, tile_need, tile_side
from undegrade.runtime.networks import Networks
from undegrade.runtime.probe import find_model, verify_model
from undegrade.runtime.process import Progress, process
from undegrade.runtime.session import MADE_FROM, Network, open_network, open_session
from undegrade.runtime.thumbnail import WholePhoto, make_thumbnail
from undegrade.runtime.tiling import Grid, Tile, make_grid

__all__ = [
    "MADE_FROM",
    "PRECISIONS",
    "Grid",
    "Network",
    "Networks",
    "Progress",
    "Stage",
    "Tile",
    "WholePhoto",
    "choose_precision",
    "cores",
    "devices",
    "find_model",
    "lock_colour",
    "make_grid",
    "make_thumbnail",
    "memory_bound",
    "open_network",
    "open_session",
    "process",
    "providers",
    "tile_need",
    "tile_side",
    "verify_model",
]
