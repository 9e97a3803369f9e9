"""What a check found: which rules hold, which are broken, and which were not looked at."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

_MOST_SENTENCES = 5
"""Of one rule: where it is broken for every case, more say nothing new."""


class Rule(msgspec.Struct, frozen=True):
    """What must hold, in a sentence, and the name by which it is asked for."""

    name: str
    sentence: str


class Conformity(msgspec.Struct, frozen=True, kw_only=True):
    """The rules that were checked and hold, and why others were not checked, by their names."""

    checked: list[Rule]
    unchecked: dict[str, str]

    def __str__(self) -> str:
        """All of it, a line each."""
        return "\n".join([*(f"{rule.name}: {rule.sentence}" for rule in self.checked), *not_checked(self.unchecked)])


class NonConformingError(AssertionError):
    """Names every rule that is broken, with what was seen."""

    def __init__(self, broken: Mapping[Rule, list[str]], conformity: Conformity) -> None:
        """Hold what was seen of each broken rule, and what is known of the others."""
        self.broken = {rule.name: sentences for rule, sentences in broken.items()}
        self.conformity = conformity
        num_all = len(broken) + len(conformity.checked)
        lines = [f"{len(broken)} of {num_all} rules that were checked are broken."]
        for rule, sentences in broken.items():
            lines += ["", f"{rule.name}: {rule.sentence}"]
            lines += [f"  - {sentence}" for sentence in sentences[:_MOST_SENTENCES]]
            num_more = len(sentences) - _MOST_SENTENCES
            lines += [f"  - and {num_more} more"] if num_more > 0 else []
        super().__init__("\n".join([*lines, "", *not_checked(conformity.unchecked)]).rstrip())


def not_checked(reasons: Mapping[str, str]) -> list[str]:
    """A line for each rule that was not checked."""
    return [f"not checked: {name}, because {reason}" for name, reason in reasons.items()]
