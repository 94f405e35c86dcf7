"""De-identification (PS3.15 Annex E), pure: plan, engine, actions, stamp and verification."""
