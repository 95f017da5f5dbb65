"""Model cards and the weights they describe."""

from undegrade.catalog.card import Card, Score, parse_card, write_card
from undegrade.catalog.catalog import (
    Model,
    add,
    find,
    for_task,
    from_file,
    models,
    read_int8,
    read_weights,
    sha256,
    user_folder,
    vivid_of,
)

__all__ = [
    "Card",
    "Model",
    "Score",
    "add",
    "find",
    "for_task",
    "from_file",
    "models",
    "parse_card",
    "read_int8",
    "read_weights",
    "sha256",
    "user_folder",
    "vivid_of",
    "write_card",
]
