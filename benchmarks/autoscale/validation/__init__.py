"""The simulator against a real cluster: one recorded sequence of bursts, measured there and predicted here."""
