"""Questions: one file a question, its first line the question in English, then SPARQL."""

from dataclasses import dataclass

from .files import files_of, read_text
from .iris import room


@dataclass(frozen=True)
class Question:
    """A question: its name (of the file), its English, and its query."""

    name: str
    english: str
    query: str


def questions() -> list[Question]:
    """Return all questions by name."""
    files = files_of(room("questions"), ".rq")
    texts = ((file.name.removesuffix(".rq"), read_text(file, f"graph/questions/{file.name}")) for file in files)
    return [Question(name, text.split("\n", 1)[0].lstrip("# "), text) for name, text in texts]
