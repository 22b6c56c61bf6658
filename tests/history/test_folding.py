"""Texts of reports, as rows of the history have them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from exchange.schema.event_rows import ROW_DTYPES, EventList
from exchange.services.history.folding import texts

HEAD, WHOLE = 16, 40


def said(words: list[bytes]) -> list[str]:
    """What comes of client order ids of these bytes."""
    rows = np.zeros(len(words), ROW_DTYPES[EventList.REPORTS])
    for row, word in zip(rows, words, strict=True):
        row["client_order_id_head"], row["client_order_id_tail"] = word[:HEAD], word[HEAD:]
    return texts(rows, "client_order_id")


@given(st.lists(st.text(st.characters(min_codepoint=1, max_codepoint=126), max_size=WHOLE), max_size=9))
def test_texts_are_the_words_of_each_report(words: list[str]) -> None:
    """In their order, empty ones among them."""
    assert said([word.encode("ascii") for word in words]) == words


def test_what_is_no_text_is_replaced_and_its_neighbours_stay() -> None:
    """A byte that is no ASCII, or 0 within a text, is one that cannot be shown; none ends a text."""
    assert said([b"one", b"t\xffo", b"", b"f\0ur", b"b\n"]) == ["one", "t\ufffdo", "", "f\ufffdur", "b\n"]
    assert said([b"f\0ur", b"five"]) == ["f\ufffdur", "five"]
