"""Chaos: parts of a running service are killed and frozen, and what was lost is counted."""
