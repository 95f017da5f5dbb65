"""Networks on pictures: sessions, exact tiles, true colours and the promised bound on memory."""

from undegrade.runtime.colour_lock import lock_colour
from undegrade.runtime.memory import bound, tile_need, tile_side
from undegrade.runtime.process import Progress, process
from undegrade.runtime.session import Network, cores, open_network, providers
from undegrade.runtime.thumbnail import make_thumbnail
from undegrade.runtime.tiling import Grid, Pixels, Tile, make_grid
from undegrade.runtime.verify import verify_model

__all__ = [
    "Grid",
    "Network",
    "Pixels",
    "Progress",
    "Tile",
    "bound",
    "cores",
    "lock_colour",
    "make_grid",
    "make_thumbnail",
    "open_network",
    "process",
    "providers",
    "tile_need",
    "tile_side",
    "verify_model",
]
