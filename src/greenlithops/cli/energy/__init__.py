"""`greenlithops energy`: what this machine can tell, and what commands and jobs have cost."""
