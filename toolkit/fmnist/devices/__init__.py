"""Devices: boards, the software on them, and the packages that run there."""
