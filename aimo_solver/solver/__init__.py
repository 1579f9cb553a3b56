"""One problem: rollouts, a vote, an answer."""
