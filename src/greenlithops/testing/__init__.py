"""What backends and meters are tested with, here and in other packages."""
