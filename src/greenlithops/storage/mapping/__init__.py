"""Map over objects: what sources name, how objects are cut, and the readers that functions get."""
