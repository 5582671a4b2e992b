"""`greenlithops kubernetes`, and the image that pods run."""
