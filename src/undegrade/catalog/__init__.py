"""Model cards and the weights they describe."""

from undegrade.catalog.card import Card, Score, parse_card, write_card
from undegrade.catalog.catalog import (
    Catalog,
    Model,
    add,
    fast_of,
    is_file_name,
    read_int8,
    read_weights,
    restored_vivid_of,
    sha256,
    user_folder,
    vivid_of,
)

__all__ = [
    "Card",
    "Catalog",
    "Model",
    "Score",
    "add",
    "fast_of",
    "is_file_name",
    "parse_card",
    "read_int8",
    "read_weights",
    "restored_vivid_of",
    "sha256",
    "user_folder",
    "vivid_of",
    "write_card",
]
