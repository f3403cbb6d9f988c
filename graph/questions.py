"""Questions: one file a question, its first line the question in English, then SPARQL."""

from dataclasses import dataclass

from .iris import room


@dataclass(frozen=True)
class Question:
    """A question: its name (of the file), its English, and its query."""

    name: str
    english: str
    query: str


def questions() -> list[Question]:
    """Return all questions by name."""
    files = sorted(room("questions").iterdir(), key=lambda entry: entry.name)
    texts = ((file.name.removesuffix(".rq"), file.read_text("utf-8")) for file in files if file.name.endswith(".rq"))
    return [Question(name, text.split("\n", 1)[0].lstrip("# "), text) for name, text in texts]
