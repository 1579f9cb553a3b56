"""The engine that is vLLM. Nothing else imports it."""
