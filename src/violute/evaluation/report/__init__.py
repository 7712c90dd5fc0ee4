"""The report of the bench: tables, plots, sounds and listening trials in one page."""
