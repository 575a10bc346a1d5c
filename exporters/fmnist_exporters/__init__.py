"""Keras model → artifact for a device. See `fmnist_exporters.recipes` for what can be made."""
