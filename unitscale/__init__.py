"""Unitscale: choose the units of training (learning rate, batch size, precision, parametrization) over HTTP."""

__version__ = "0.1.0"
