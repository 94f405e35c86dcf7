"""Policies, pure: YAML subset, schema, load, facts, conditions, decide, cases."""
