"""`greenlithops hello`: a first map-reduce on what every user has, a Python installation."""
