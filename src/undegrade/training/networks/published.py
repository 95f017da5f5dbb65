"""Loading published classifiers' weights into networks that have no classifier."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn


def load_published(network: nn.Module, state: Mapping[str, Tensor], without: str) -> None:
    """Load *state* into *network*, leaving out the layer called *without* on both sides.

    Any other missing or unexpected key, or a wrong shape, raises ``RuntimeError``.
    """
    head = f"{without}."
    own = {key: value for key, value in network.state_dict().items() if key.startswith(head)}
    network.load_state_dict(
        {key: value for key, value in state.items() if not key.startswith(head)} | own
    )
