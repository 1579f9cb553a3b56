# What the Harmony dialect uses of oss-harmony, which ships no types.
from collections.abc import Sequence
from enum import Enum

class Role(Enum):
    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    DEVELOPER = "developer"
    TOOL = "tool"

class ReasoningEffort(Enum):
    LOW = "Low"
    MEDIUM = "Medium"
    HIGH = "High"

class HarmonyEncodingName(Enum):
    HARMONY_GPT_OSS = "HarmonyGptOss"

class Content: ...

class SystemContent(Content):
    @classmethod
    def new(cls) -> SystemContent: ...
    def with_reasoning_effort(self, reasoning_effort: ReasoningEffort) -> SystemContent: ...
    def with_python_tool(self) -> SystemContent: ...

class DeveloperContent(Content):
    @classmethod
    def new(cls) -> DeveloperContent: ...
    def with_instructions(self, instructions: str) -> DeveloperContent: ...

class Author:
    @classmethod
    def new(cls, role: Role, name: str) -> Author: ...

class Message:
    @classmethod
    def from_role_and_content(cls, role: Role, content: str | Content) -> Message: ...
    @classmethod
    def from_author_and_content(cls, author: Author, content: str | Content) -> Message: ...
    def with_channel(self, channel: str) -> Message: ...
    def with_recipient(self, recipient: str) -> Message: ...
    def with_content_type(self, content_type: str) -> Message: ...

class Conversation:
    @classmethod
    def from_messages(cls, messages: Sequence[Message]) -> Conversation: ...

class HarmonyEncoding:
    def decode(self, tokens: Sequence[int]) -> str: ...
    def render_conversation_for_completion(self, conversation: Conversation, next_turn_role: Role) -> list[int]: ...

def load_harmony_encoding(name: str | HarmonyEncodingName) -> HarmonyEncoding: ...
