"""Data, training and calibration of the groundedness model."""
