"""Secrets are found by their form, by what stands before them, and by value, in any encoding."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import quote

import pytest

from roomkit_sim.errors import CassetteError
from roomkit_sim.sim.cassette.rules import RULES_FILE, nearest_rules, read_rules
from roomkit_sim.sim.cassette.secrets import KnownValues, find, secret_values
from roomkit_sim.sim.cassette.span import LABEL

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLXNpZ25hdHVyZQ"


def found(text: str, *values: str) -> list[tuple[str, str]]:
    known = KnownValues((value, "secret") for value in values)
    return [(span.kind, text[span.start : span.end]) for span in find(text, known)]


@pytest.mark.parametrize(
    ("kind", "secret"),
    [
        ("key", "AIza" + "b3" * 18),
        ("key", "sk-ant-" + "c4" * 12),
        ("key", "AKIA" + "D5" * 8),
        ("key", "ghp_" + "e6" * 15),
        ("key", "xoxb-" + "1234567890-abcdef"),
        ("key", "auth_tokens/" + "f7" * 10),
        ("jwt", JWT),
        ("email", "jane.doe+calls@mail.example.co.uk"),
        ("email", "jane%40example.com"),
        ("email", "jürgen@müller.de"),
        ("pem", "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----"),
    ],
)
def test_a_secret_is_found_by_its_form(kind: str, secret: str) -> None:
    assert found(f"so ({secret}) it is") == [(kind, secret)]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abcdef.ghijk-123", "abcdef.ghijk-123"),
        ("password=hunter", "hunter"),
        ('{\\"api_key\\": \\"abc-def\\"}', "abc-def"),
        ("my password is hunter2, as ever", "hunter2"),
        ("the PIN is 4711", "4711"),
        ("DB_PASSWORD=correct-horse", "correct-horse"),
        ("client_secret%3Dabcdef", "abcdef"),
        ("https://jane:hunter2@host.test/", "jane:hunter2"),
    ],
)
def test_a_secret_is_found_by_what_stands_before_it(text: str, secret: str) -> None:
    assert [what for _, what in found(text)] == [secret]


@pytest.mark.parametrize(
    "text",
    [
        "Never tell the password: callers forget it.",
        "password is required",
        '{"token": null}',
        "Tokens: 512",
        "a task-management-and-planning-tool",
        "Ask for the API key: politely.",
        "a very-long-word_of_many_parts_that_is_no_base64_of_anything",
    ],
)
def test_talk_about_secrets_stays(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize("value", ["corr3ct/horse+battery", "pass wörd\"with' signs"])
def test_a_known_value_is_found_in_every_encoding(value: str) -> None:
    data = value.encode()
    for form in (
        value,
        quote(value, safe=""),
        base64.b64encode(data).decode(),
        base64.b64encode(b"user:" + data + b" and more").decode(),
        base64.urlsafe_b64encode(b"x" + data).decode(),
        data.hex(),
    ):
        assert len(found(f"<< {form} >>", value)) == 1, form


def test_labels_are_left_alone() -> None:
    text = "password=<removed> mail <email-1> Bearer <bearer-12> ring <phone-3> 12 <words-0123456789ab>"
    assert found(text) == []
    assert len(LABEL.findall(text)) == 5


def test_variables_are_secret_by_their_names() -> None:
    environment = {
        "GEMINI_API_KEY": "value-one",
        "DB_PASSWORD": "value-two",
        "MY_TOKEN": "short",
        "GOOGLE_APPLICATION_CREDENTIALS": "/path/to/file",
        "KEYBOARD": "value-three",
        "HOME": "value-four",
    }
    assert secret_values(environment) == ("value-two", "value-one")


def test_rules_are_read_from_the_file_beside_the_recordings(tmp_path: Path) -> None:
    (tmp_path / RULES_FILE).write_text(
        'variables = ["CUSTOMER"]\nfields = ["iban_hint"]\nkeep = ["+1 555 0100"]\ntranscripts = "hash"\n'
        "[patterns]\ncustomer = 'KD-\\d+'\n"
    )
    (tmp_path / "deep/er").mkdir(parents=True)
    rules = nearest_rules(tmp_path / "deep/er", {"CUSTOMER": "Smith & Sons"})
    assert rules == read_rules(tmp_path, {"CUSTOMER": "Smith & Sons"})
    assert (rules.values, rules.fields, rules.transcripts) == (("Smith & Sons",), {"iban_hint"}, "hash")
    assert rules.patterns["customer"].fullmatch("KD-17")


def test_without_a_file_there_are_the_usual_rules(tmp_path: Path) -> None:
    assert read_rules(tmp_path, {"SOME_SECRET": "value-one"}).values == ("value-one",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("keep = 3", "keep: Input should be a valid list"),
        ("kept = []", "kept: Extra inputs"),
        ("[patterns]\na = '('", "is no regular expression"),
        ("= nothing", "cannot be read"),
    ],
)
def test_a_wrong_file_of_rules_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / RULES_FILE).write_text(text)
    with pytest.raises(CassetteError, match=message) as caught:
        read_rules(tmp_path, {})
    assert RULES_FILE in str(caught.value)


@pytest.mark.parametrize(
    "text", ["a1" * 200_000, "a.a" * 100_000 + "@", "a@" * 100_000, "%4" * 100_000, "eyJ" * 100_000, "token_" * 60_000]
)
def test_time_grows_with_the_length_of_a_text_and_not_with_its_square(text: str) -> None:
    # 400 kB, which took minutes when it was the square.
    assert found(text) == []
