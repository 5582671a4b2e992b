"""IBM Code Engine: calls run in an application, scaled between nothing and many instances."""
