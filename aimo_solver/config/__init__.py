"""Settings, and every TOML file that is shipped."""
