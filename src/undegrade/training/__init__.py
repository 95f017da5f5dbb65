"""The make half: data, networks, losses, recipes, and the loop that trains them.

All of it needs torch (``pip install undegrade[train]``) but the sources and checks of ``data``;
nothing outside imports it, apart from the command line, inside its verbs.
"""
