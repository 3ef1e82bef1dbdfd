"""The papers' tables as data, and figures of this package set beside them."""
