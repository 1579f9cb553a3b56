"""Time policies: how much time a problem gets and when to stop, one policy per file; stopping.py has the rules."""
