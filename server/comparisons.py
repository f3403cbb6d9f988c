"""Comparisons as pages show them: pairs of positions on one question, repeated pairs gathered, by kind."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import pyoxigraph as ox

from .answers import Row, ask, grouped
from .data import Data
from .terms import View

FEW = 25  # positions; to ask for more of them takes longer than to ask for all
# The kinds that nothing recorded dissolves; they come first, in this order.
OPEN = ("contradiction", "reference")
# What two positions share that say the same: only who says it, and in which reading, is told apart.
_ALIKE = ("value", "silence", "topic", "stage", "step", "operator", "completeness", "modality")


def slug(concept: View) -> str:
    """Return the name of a concept without that of its scheme: 'open-end'."""
    return concept.fragment.removeprefix("disagreement-")


@dataclass(frozen=True)
class Answer:
    """What some positions say alike, and a row for each document and claim of each position."""

    first: Row
    positions: list[list[Row]]


Voices = dict[str, list[Row]]  # the IRI of a position, and a row for each document and claim of it
Answered = list[tuple[View, str, list[Answer]]]  # an issue, its question, and the answers


@dataclass
class Comparison:
    """One disagreement or agreement: its kinds, what it is on, its two positions, and why they differ."""

    view: View
    issue: View
    question: str
    country: View
    agreed: bool
    kinds: list[View] = field(default_factory=list)
    topics: list[View] = field(default_factory=list)
    positions: list[View] = field(default_factory=list)
    accounts: list[Row] = field(default_factory=list)

    def rank(self, account: Row) -> int:
        """Return the place of the kind that ``account`` is of."""
        return self.kinds.index(account["kind"]) if account["kind"] in self.kinds else len(self.kinds)


@dataclass(frozen=True)
class Group:
    """Comparisons on one issue, country and topics, with the answers that stand against each other."""

    first: Comparison
    comparisons: list[Comparison]
    kinds: list[View]
    answers: list[Answer]
    accounts: list[Row]  # those that are for its topic alone

    @property
    def recorded(self) -> int:
        """The number of answers that a source recorded here gives, two at most."""
        return min(2, sum(answer.first["layer"].fragment == "layer-source" for answer in self.answers))


@dataclass(frozen=True)
class Question:
    """The groups on one issue, with the accounts that hold for all its topics."""

    issue: View
    text: str
    groups: list[Group]
    accounts: list[Row]

    @property
    def count(self) -> int:
        """The number of comparisons."""
        return sum(len(group.comparisons) for group in self.groups)


@dataclass(frozen=True)
class Compared:
    """Where positions differ and where they are equal, by question."""

    differing: list[Question]
    agreed: list[Question]


@dataclass(frozen=True)
class Kind:
    """One kind of disagreement: how many are of it, and those that stand under it because it is their first kind."""

    view: View
    definition: str
    total: int
    questions: list[Question]

    @property
    def open(self) -> bool:
        """Whether nothing that is recorded dissolves a difference of this kind."""
        return slug(self.view) in OPEN

    @property
    def elsewhere(self) -> int:
        """The number of those that stand under another kind."""
        return self.total - sum(question.count for question in self.questions)


def comparisons(data: Data, **bindings: ox.NamedNode) -> list[Comparison]:
    """Return comparisons: all, or one, or those with a given topic or issue."""
    found = [_comparison(rows) for rows in grouped(ask(data, "comparisons", **bindings), "comparison").values()]
    accounts = grouped(ask(data, "explanations"), "comparison")
    for each in found:
        each.accounts = accounts.get(each.view.iri, [])
    return found


def _comparison(rows: list[Row]) -> Comparison:
    first = rows[0]
    return Comparison(
        view=first["comparison"],
        issue=first["issue"],
        question=first["question"].text,
        country=first["country"],
        agreed=first["class"].fragment == "Agreement",
        kinds=_distinct(rows, "kind"),
        topics=_distinct(rows, "on"),
        positions=_distinct(rows, "position"),
    )


def _distinct(rows: list[Row], key: str) -> list[View]:
    return list({row[key].iri: row[key] for row in rows if row[key].iri}.values())


def compared(data: Data, found: list[Comparison]) -> Compared:
    """Return ``found`` by question, disagreements and agreements apart."""
    voices = positions(data, found)
    sides = ([each for each in found if each.agreed is agreed] for agreed in (False, True))
    return Compared(*(by_question(side, voices) for side in sides))


def by_question(found: list[Comparison], voices: Voices) -> list[Question]:
    """Return ``found`` by issue, repeated pairs on one topic and country as one group.

    What sources recorded here say against each other comes before what outside documents say.
    """
    gathered: dict[str, dict[tuple[str, ...], list[Comparison]]] = defaultdict(lambda: defaultdict(list))
    for each in found:
        gathered[each.issue.iri][each.country.iri, *(topic.iri for topic in each.topics)].append(each)
    questions = [
        _question(sorted((_group(pairs, voices) for pairs in groups.values()), key=lambda group: -group.recorded))
        for groups in gathered.values()
    ]
    return sorted(questions, key=lambda question: -question.groups[0].recorded)


def _question(groups: list[Group]) -> Question:
    pairs = [pair for group in groups for pair in group.comparisons]
    return Question(pairs[0].issue, pairs[0].question, groups, _accounts(pairs, special=False))


def _group(pairs: list[Comparison], voices: Voices) -> Group:
    kinds = {kind.iri: kind for pair in pairs for kind in pair.kinds}
    named = {position.iri for pair in pairs for position in pair.positions}
    rows = [row for position in sorted(named) for row in voices.get(position, [])]
    return Group(pairs[0], pairs, list(kinds.values()), answers(rows), _accounts(pairs, special=True))


def _accounts(pairs: list[Comparison], special: bool) -> list[Row]:
    """Return the accounts of ``pairs``, each once: those for one topic alone, or those for all."""
    rows = (row for pair in pairs for row in sorted(pair.accounts, key=pair.rank) if bool(row["only"].iri) == special)
    return list({(row["kind"].iri, row["account"].text): row for row in rows}.values())


def positions(data: Data, found: list[Comparison]) -> Voices:
    """Return the rows of the positions of ``found``: of these if they are few, else of all."""
    named = sorted({position.iri for each in found for position in each.positions})
    few = {"position": map(ox.NamedNode, named)} if len(named) <= FEW else {}
    rows = grouped(ask(data, "positions", **few), "position") if named else {}
    return {iri: rows.get(iri, []) for iri in named}


def answers(rows: list[Row]) -> list[Answer]:
    """Return rows of positions by what they say, sources recorded here before outside documents."""
    alike: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["layer"].fragment != "layer-source"):
        alike[tuple(row[key].iri or row[key].text for key in _ALIKE)].append(row)
    found = [Answer(same[0], list(grouped(same, "position").values())) for same in alike.values()]
    return sorted(found, key=lambda answer: (answer.first["topic"].text, answer.first["value"].text))


def answered(rows: list[Row]) -> Answered:
    """Return positions by issue."""
    issues = grouped(rows, "issue").values()
    return [(issue[0]["issue"], issue[0]["question"].text, answers(issue)) for issue in issues]


def totals(found: list[Comparison]) -> list[tuple[View, int]]:
    """Return the kinds of ``found`` with how many are of each: what stays open first, then the most frequent."""
    counted = Counter(kind for each in found for kind in each.kinds)
    return sorted(counted.items(), key=lambda item: (_rank(item[0]), -item[1], item[0].iri))


def by_kind(data: Data, found: list[Comparison], voices: Voices, first: View | None = None) -> list[Kind]:
    """Return disagreements by kind, each under that of its kinds that comes first; ``first`` comes before all."""
    counted = sorted(totals(found), key=lambda item: item[0] != first)
    ranks = {kind: rank for rank, (kind, _) in enumerate(counted)}
    under: dict[View, list[Comparison]] = defaultdict(list)
    for each in found:
        each.kinds.sort(key=lambda kind: ranks[kind])
        if each.kinds:
            under[each.kinds[0]].append(each)
    meaning = {row["kind"]: row["definition"].text for row in ask(data, "kinds")}
    return [Kind(kind, meaning.get(kind, ""), total, by_question(under[kind], voices)) for kind, total in counted]


def _rank(kind: View) -> int:
    return OPEN.index(slug(kind)) if slug(kind) in OPEN else len(OPEN)


def tensions(rows: list[Row], kind: View | None = None) -> dict[str, list[list[Row]]]:
    """Return tensions, of ``kind`` or of all, by the name of their kind: a row for each claim of each."""
    kinds = grouped([row for row in rows if kind in {None, row["kind"]}], "kind")
    return {of[0]["kind"].text: list(grouped(of, "tension").values()) for of in kinds.values()}
