"""The tables of the papers as data, and comparisons of a user's own figures with them."""
