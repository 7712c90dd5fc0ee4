"""What every voice is measured against: layering, cross-fade, EQ match, WORLD, optimal transport."""
