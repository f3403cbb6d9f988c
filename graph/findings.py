"""What is wrong with an input: one sentence a finding, with the place where it was found."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that is wrong: where (file and claim, or node) and a sentence that says what to do."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


class InputError(Exception):
    """Inputs that cannot be built or checked. ``findings`` says why, sorted, never empty."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = sorted(set(findings))
        super().__init__("\n".join(map(str, self.findings)))

    @classmethod
    def at(cls, where: str, message: str) -> "InputError":
        """Return the error with the one finding given."""
        return cls([Finding(where, message)])
