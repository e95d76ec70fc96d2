"""plan: what an edit would do. The real hooks and decisions are run on a copy of the live state until it settles."""
