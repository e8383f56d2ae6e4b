"""What it costs: each module with a ``main`` prints a table; ``make bench`` runs them all."""
