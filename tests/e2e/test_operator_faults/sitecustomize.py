"""Python imports this when it starts with this folder on PYTHONPATH: its wall clock goes CLOCK_SKEW seconds wrong.

Nothing here asks `datetime` for the present; its class is C's and stays.
"""

import os
import time
from functools import partial

_TIME, _TIME_NS = time.time, time.time_ns
_SKEW = int(os.environ["CLOCK_SKEW"])

time.time = partial(lambda skew: _TIME() + skew, _SKEW)
time.time_ns = partial(lambda skew: _TIME_NS() + skew * 10**9, _SKEW)
