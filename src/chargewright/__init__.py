"""OCPP 1.6 for all three sides of the plug: a central system, a charging station, and the lab that tests both."""

__version__ = "0.1.0.dev0"
