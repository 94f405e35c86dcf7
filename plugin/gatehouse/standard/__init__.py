"""The Standard as data: generated tables with their edition, and no logic."""
