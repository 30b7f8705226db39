"""What the HTTP models refuse and how they answer; that the SDKs understand them is shown in tests/providers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit_sim.sim.servers.http_models import (
    HttpModelServer,
    ModelAnswer,
    ModelCall,
    ModelRefusal,
    ModelRequest,
    gemini_rest,
    openai_rest,
)


def gemini(*contents: dict[str, Any], model: str = "gemini-2.5-flash", key: str = "k") -> ModelRefusal | None:
    headers = {"x-goog-api-key": key} if key else {}
    return gemini_rest.refuse(ModelRequest("gemini", model, False, {"contents": list(contents)}, headers))


def openai(key: str = "Bearer k", **body: Any) -> ModelRefusal | None:
    return openai_rest.refuse(ModelRequest("openai", "m", False, body, {"authorization": key}))


USER = {"role": "user", "parts": [{"text": "hello"}]}


def calls(*ids: str | None, **rest: Any) -> dict[str, Any]:
    parts = [{"functionCall": {"name": "f"} | ({"id": one} if one else {}), **rest} for one in ids]
    return {"role": "model", "parts": parts}


def results(*ids: str | None) -> dict[str, Any]:
    parts = [{"functionResponse": {"name": "f", "response": {}} | ({"id": one} if one else {})} for one in ids]
    return {"role": "user", "parts": parts}


@pytest.mark.parametrize(
    "contents",
    [
        (USER,),
        (USER, calls("a", "b"), results("b", "a")),
        (USER, calls(None, None), results(None, None), USER),
        (USER, calls("a"), results("a"), calls("a"), results("a")),
    ],
)
def test_gemini_accepts_turns_of_calls_with_their_results(contents: Any) -> None:
    assert gemini(*contents) is None


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        ((), "required"),
        (({"role": "assistant", "parts": [{"text": "x"}]},), "valid role"),
        (({"role": "user", "parts": []},), "parts"),
        ((USER, calls("a", "b"), results("a")), "number of function response parts"),
        ((USER, calls("a"), results("b")), "number of function response parts"),
        ((USER, calls("a"), USER, results("a")), "number of function response parts"),
        ((USER, calls("a")), "number of function response parts"),
        ((results("a"), USER), "immediately after"),
    ],
)
def test_gemini_refuses_other_conversations(contents: Any, said: str) -> None:
    refusal = gemini(*contents)
    assert refusal is not None
    assert (refusal.status, said in refusal.message) == (400, True)


def test_gemini_3_wants_the_signature_of_the_first_call_back() -> None:
    unsigned, signed = calls("a", "b"), calls("a", "b", thoughtSignature="c2ln")
    refusal = gemini(USER, unsigned, results("a", "b"), model="gemini-3-pro")
    assert refusal is not None
    assert "thought_signature" in refusal.message
    assert gemini(USER, signed, results("a", "b"), model="gemini-3-pro") is None


def test_a_key_is_wanted() -> None:
    assert [refusal and refusal.status for refusal in (gemini(USER, key=""), openai(key=""))] == [403, 401]


ASKING = {"role": "assistant", "tool_calls": [{"id": "a"}, {"id": "b"}]}


def told(call_id: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": "x"}


@pytest.mark.parametrize(
    ("messages", "accepted"),
    [
        ([ASKING, told("b"), told("a")], True),
        ([ASKING, told("a")], False),
        ([ASKING, told("a"), {"role": "user", "content": "x"}, told("b")], False),
        ([ASKING, told("a"), told("b"), told("b")], False),
        ([told("a")], False),
    ],
)
def test_openai_wants_a_result_behind_every_call(messages: Any, accepted: bool) -> None:
    assert (openai(messages=messages) is None) is accepted


@pytest.mark.parametrize(
    ("tool", "accepted"),
    [
        ({"type": "function", "function": {"name": "f"}}, True),
        ({"name": "f"}, False),
        ({"type": "function", "function": {"name": "f"}, "strict": True}, False),
    ],
)
def test_openai_wants_tools_of_type_function(tool: Any, accepted: bool) -> None:
    assert (openai(messages=[], tools=[tool]) is None) is accepted


def test_streams_hold_what_whole_answers_hold() -> None:
    answer = ModelAnswer(("a", "b"), (ModelCall("f", {"n": 1}, "x"),))
    request = ModelRequest("gemini", "m", True, {}, {})
    parts = [part for body in gemini_rest.stream(request, answer) for part in body["candidates"][0]["content"]["parts"]]
    assert parts == [{"text": "a"}, {"text": "b"}, {"functionCall": {"name": "f", "args": {"n": 1}, "id": "x"}}]
    [candidate] = gemini_rest.whole(request, answer)["candidates"]
    assert candidate["content"]["parts"] == [{"text": "ab"}, parts[-1]]


async def exchange(server: HttpModelServer, request: bytes, *, hang_up: bool = False) -> bytes:
    """The first line of the reply; empty if there is none."""
    listener = await server.serve("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
    writer.write(request)
    if hang_up:
        writer.write_eof()
    reply = await reader.readline()
    writer.close()
    await writer.wait_closed()
    listener.close()
    await server.close()
    return reply


@pytest.mark.parametrize(
    "request_line", [b"GET /v1/chat/completions", b"POST /v1/embeddings", b"POST /v1/models/m:embedContent"]
)
async def test_another_address_is_not_found(request_line: bytes) -> None:
    server = HttpModelServer(lambda request: ModelAnswer(("x",)))
    reply = await exchange(server, request_line + b" HTTP/1.1\r\ncontent-length: 0\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 404")
    assert server.requests == []


async def test_half_a_request_is_no_request() -> None:
    server = HttpModelServer(lambda request: ModelAnswer(("x",)))
    assert (
        await exchange(server, b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 50\r\n\r\n{", hang_up=True)
        == b""
    )
    assert (server.requests, server.open_connections) == ([], 0)
