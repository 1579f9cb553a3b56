"""The parts of Pygments that reports use; the library has no types."""

from pygments.formatters.html import HtmlFormatter
from pygments.lexers.python import PythonLexer

def highlight(code: str, lexer: PythonLexer, formatter: HtmlFormatter) -> str: ...
