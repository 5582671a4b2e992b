"""Where calls run and where data lives; each module is imported only when it is chosen."""
