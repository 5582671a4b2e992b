"""Configuration: files, environment and arguments in Lithops' words, checked and made typed."""
