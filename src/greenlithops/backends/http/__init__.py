"""HTTP as fast as functions and objects need it: connections of our own, the syntax by llhttp."""
