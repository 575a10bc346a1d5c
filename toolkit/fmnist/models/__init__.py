"""Models of whatever format: opened, selected and inspected."""
