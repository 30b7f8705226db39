"""How speech is cut into pieces that are sent."""

from __future__ import annotations

from roomkit_sim.sim.servers.pacing import Piece, paced

AUDIO = bytes(range(250))


def pieces(*words: tuple[float, str], lead_ms: int = 0, audio: bytes = AUDIO) -> list[Piece]:
    return list(paced(audio, words, bytes_per_second=1000, chunk_ms=100, lead_ms=lead_ms))


def test_speech_is_sent_piece_by_piece_in_its_pace() -> None:
    assert [(piece.at_ms, piece.audio) for piece in pieces()] == [
        (0, AUDIO[:100]),
        (100, AUDIO[100:200]),
        (200, AUDIO[200:]),
    ]


def test_a_lead_lets_it_run_ahead() -> None:
    assert [piece.at_ms for piece in pieces(lead_ms=150)] == [-150, -50, 50]


def test_words_come_with_the_piece_before_which_they_are_due() -> None:
    words = [(-50.0, "a"), (0.0, "b"), (50.0, "c"), (200.0, "d")]
    assert [piece.words for piece in pieces(*words)] == [("a", "b"), ("c",), ("d",)]


def test_words_that_are_due_after_the_last_piece_come_with_it() -> None:
    assert [piece.words for piece in pieces((10.0, "a"), (900.0, "b"), (950.0, "c"))] == [(), ("a",), ("b", "c")]


def test_silence_has_no_pieces() -> None:
    assert pieces((0.0, "a"), audio=b"") == []
