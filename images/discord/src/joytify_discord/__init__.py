"""Tells the operators in Discord what ran, what failed and which alarm fired."""
