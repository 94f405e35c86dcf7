"""The way of a study as durable workflows, written against ports."""
