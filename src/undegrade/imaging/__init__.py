"""What every part means by light, luma, size, levels and tables: a leaf that imports errors alone.

Where numpy and torch need one formula, it is written once over the array API.
"""
