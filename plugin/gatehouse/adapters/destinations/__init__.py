"""The ways to send: one module for each ``via`` of a policy."""
