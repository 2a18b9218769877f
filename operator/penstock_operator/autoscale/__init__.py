"""How many workers a pool gets: signals in, a decision with its reason out. The policy is pure; I/O is in `loop`."""
