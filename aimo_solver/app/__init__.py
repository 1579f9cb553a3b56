"""The application: chooses implementations and runs them."""
