"""Parts of the networks, under the names that the papers give them."""
