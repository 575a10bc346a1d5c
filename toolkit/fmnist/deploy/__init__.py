"""Deployment of a run to devices over SSH; the devices measure it, and the results come back."""
