"""Examples, as data: each in a folder with a README."""
