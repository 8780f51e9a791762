"""Scaling laws: L(N, D) fitted to losses, with intervals, doubts and predictions. Numbers in, numbers out."""
