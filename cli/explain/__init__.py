"""explain: what an object waits for, why, and what to do next."""
