"""Advice: units of training from what past jobs measured, and what to expect of them. Pure functions."""
