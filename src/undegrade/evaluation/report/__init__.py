"""What a benchmark measured, as one self-contained page, and as Markdown, CSV and JSON beside it.

:func:`write` is all there is to call. The page opens from disk, from a mail or from a server, needs
no network, and shows its tables, plots and pictures without JavaScript too; scripts add sorting,
the slider and the zoom.
"""

from undegrade.evaluation.report.files import write

__all__ = ["write"]
