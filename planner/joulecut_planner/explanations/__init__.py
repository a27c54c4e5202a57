"""Why a plan is the plan: what binds, what the deadline costs, and the best that differs."""
