"""The rules of a client as rows: what it does at each point where clients differ, and where that was read.

A value is one word out of `VALUES`, so that it can be played; the sentence beside the word is what a reader sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from mcp_oauth_nb.peers.values import VALUES

NOT_KNOWN = "not known"
"""In place of a value: it was not read in a source."""

Source = str


@dataclass(frozen=True)
class Row:
    """One fact: at this point the client does this; `source` says where it was read."""

    behaviour: str
    value: str
    source: Source

    @property
    def sentence(self) -> str:
        """The value in words."""
        return NOT_KNOWN if self.value == NOT_KNOWN else VALUES[self.behaviour][self.value]


@dataclass(frozen=True)
class Peer:
    """A client as it was read, or what a protocol revision asks of one.

    Attributes:
        name: its name.
        version: the version that was read.
        origin: where its source is.
        read: the day it was read, as ISO date.
        rows: its rules.
        remarks: what holds for all of them.
    """

    name: str
    version: str
    origin: str
    read: str
    rows: tuple[Row, ...]
    remarks: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    @cached_property
    def _by_behaviour(self) -> Mapping[str, Row]:
        return {row.behaviour: row for row in self.rows}

    def row(self, behaviour: str) -> Row:
        """The row for a behaviour; one that says *not known* where nothing was read."""
        return self._by_behaviour.get(behaviour) or Row(behaviour, NOT_KNOWN, "")

    def does(self, behaviour: str) -> str:
        """The value for a behaviour."""
        return self.row(behaviour).value


def rows_of(text: str, place: str) -> tuple[Row, ...]:
    """Rows from lines of ``behaviour: value | source``; `place` goes in front of every source."""
    made = []
    for line in filter(None, map(str.strip, text.splitlines())):
        told, _, source = line.partition(" | ")
        behaviour, _, value = told.partition(": ")
        made.append(Row(behaviour, value, f"{place}{source}"))
    return tuple(made)


def changed(rows: tuple[Row, ...], *others: Row) -> tuple[Row, ...]:
    """The same rows with some of them replaced."""
    new = {row.behaviour: row for row in others}
    return (*(new.pop(row.behaviour, row) for row in rows), *new.values())
