"""What scripts/dev, deploy, seed and test share. Python 3.11 and its standard library until tools.enter()."""
