"""The recordings at hand, from upload to rendering."""
