"""Losses: pure functions where there is nothing to keep, small modules where there is.

Pictures are (N, 3, H, W) float32 sRGB in [0, 1] unless a loss says otherwise; a loss is a scalar,
the mean over the batch. Wrong shapes are a ``ValueError``.
"""
