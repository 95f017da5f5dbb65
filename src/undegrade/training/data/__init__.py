"""Training data: sources, photos held or decoded on demand, batches made ahead, and checks.

All but ``photos`` is free of torch.
"""
