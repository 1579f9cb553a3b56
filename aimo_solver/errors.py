"""The exception tree: failures that are not the model's doing.

What a model writes, and whatever its code does, is data and never raises.
"""


class AimoError(Exception):
    """Base of every error of ours. Its text is one sentence that names the cure."""


class InputError(AimoError):
    """Something the user gave cannot be used: a file, a preset, a setting, a checkpoint."""


class EngineError(AimoError):
    """The engine died, is wedged or cannot continue; text streamed so far is valid."""


class EngineLoadError(EngineError):
    """The engine cannot load this checkpoint on this machine; trying again does not help."""


class SandboxError(AimoError):
    """The sandbox itself failed; never raised for what the executed code did."""
