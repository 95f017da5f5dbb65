"""Which release this is; what needs to know imports it from here."""

__version__ = "0.1.0"
