"""Numbers that the modules of the index share: the places of columns in its tables, and their sizes."""

OWN_GPUS, OWN_COST, BOUGHT_GPUS, BOUGHT_COST, GRID_COST, ROOM_GPUS = range(6)
N_AHEAD = 6
"""Columns of a forecast block: GPUs that plants on site supply, and the cost of their GPU-hour; the same for direct
lines and contracts; the cost on grid power; GPUs that requests leave free."""
PRICE, CONTRACT, GREEN, DIRECT, CUT = range(5)
N_KNOWN = 5
"""Rows of what an outlook offers beside the forecasts, each (L, R)."""
N_BLOCKS = 48
"""Blocks of an hour that the rule looks ahead."""
N_SEGMENTS = 8
"""Supplies of a site now, in the order in which it uses them."""
HORIZONS_H = (8.0, 16.0, 24.0, 48.0)
N_HORIZONS = 4
"""Horizons of the clearing price."""
DAY_H = 24.0
NEVER = 1e6
"""The price of a run for which there is no time or no room."""
TOTAL_COST, LATE_GPU_H, DONE_GPU_H, LEFT_GPU_H = range(4)
N_SUMS = 4
"""Sums over an episode: its cost, work done late, work done, and work left."""
