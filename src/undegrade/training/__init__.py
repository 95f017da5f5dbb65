"""The make half: networks, degradations on tensors, and the loop that trains them.

Everything here needs torch (``pip install undegrade[train]``); nothing outside imports it.
"""
