"""The example application: a shop's background work, on real photographs and a real text."""
