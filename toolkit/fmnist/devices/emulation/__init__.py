"""Running C models on other processors, emulated."""
