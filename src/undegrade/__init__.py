"""undegrade: finds out what a photo has lost and gives it back.

>>> import undegrade
>>> undegrade.diagnose("photo.jpg").words  # doctest: +SKIP
('noise of sigma 12.3 ± 0.8',)
>>> result = undegrade.enhance("photo.jpg")  # doctest: +SKIP
>>> result.save("better.jpg")  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from undegrade.version import __version__ as __version__

if TYPE_CHECKING:
    from undegrade.enhancer import Enhancer as Enhancer
    from undegrade.enhancer import Result as Result
    from undegrade.enhancer import diagnose as diagnose
    from undegrade.enhancer import enhance as enhance
    from undegrade.errors import UndegradeError as UndegradeError


_PUBLIC = {
    "Enhancer": "undegrade.enhancer",
    "Result": "undegrade.enhancer",
    "UndegradeError": "undegrade.errors",
    "diagnose": "undegrade.enhancer",
    "enhance": "undegrade.enhancer",
}

__all__ = ["Enhancer", "Result", "UndegradeError", "__version__", "diagnose", "enhance"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `undegrade --help` needs none of them."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'undegrade' has no attribute {name!r}")
    value = getattr(importlib.import_module(_PUBLIC[name]), name)
    globals()[name] = value  # the function, not the module of the same name
    return value
