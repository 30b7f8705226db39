"""A recorded call as text that reads like a conversation. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from textwrap import shorten

from roomkit_sim.sim.cassette.acts import Answered, Called, Configured, Failed, GoingAway, Told
from roomkit_sim.sim.cassette.conversation import Dialled, Ended, Moment, Said, conversation_of
from roomkit_sim.sim.cassette.model import Cassette, Note
from roomkit_sim.sim.cassette.personas import personas_of
from roomkit_sim.sim.trace.events import Json

__all__ = ["show"]

_WIDTH = 110
_SECOND = 1e9
ORIGINS = {
    "live": "recorded from the service",
    "simulated": "recorded from our own server: says nothing of the service",
    "imported": "imported from another recording: the times are made up",
}


def show(cassette: Cassette) -> list[str]:
    """The lines of it."""
    header = cassette.header
    versions = ", ".join(f"{name} {version}" for name, version in header.versions.items())
    models = ", ".join(header.models) or "no model named"
    lines = [
        f"{header.provider}, {ORIGINS[header.origin]}, {header.recorded}",
        f"{models}; {versions or 'no versions known'}",
        "",
    ]
    personas = personas_of(cassette)
    for moment in conversation_of(cassette):
        agent = personas.at(moment.conn, moment.t_ns)
        lines += [
            f"{moment.t_ns / _SECOND:8.3f}  {text}" for text in _texts(moment, "agent" if agent is None else agent.name)
        ]
    return lines


def _texts(moment: Moment, agent: str) -> Iterator[str]:
    match moment.what:
        case Dialled(host=host, status=status):
            how = "never answered" if status is None else "" if status == 101 else f"refused with {status}"
            yield f"-- connection {moment.conn} to {host}{how and f', {how}'}"
        case Ended(how=how):
            yield f"-- connection {moment.conn} {how}"
        case Configured(voice=voice, tools=tools, resumes=resumes):
            told = f"voice {voice}" if voice else "no voice named"
            yield f"   it is {agent}, {told}, tools: {', '.join(tools) or 'none'}{', resumed' if resumes else ''}"
        case Said(who=who, words=words, until_ns=until_ns, interrupted=interrupted):
            lasts = f"{(until_ns - moment.t_ns) / _SECOND:.1f} s"
            cut = " -- interrupted" if interrupted else ""
            speaker = agent if who == "agent" else "CALLER"
            yield f"{speaker}: {words or '(speech that nobody wrote down)'} [{lasts}]{cut}"
        case Told(text=text, to_be_answered=asked):
            if text or asked:
                yield f"   application{', asks for an answer' if asked else ''}: {_short(text) if text else ''}".rstrip(
                    ": "
                )
        case Called(name=name, arguments=arguments):
            handoff = "HANDOFF " if "handoff" in name else ""
            yield f"   {handoff}{agent} calls {name} {_short(arguments)}"
        case Answered(result=result):
            yield f"   answer to {agent}: {_short(result)}"
        case GoingAway(time_left=time_left):
            yield f"   the service will end the connection in {time_left}"
        case Failed(message=message):
            yield f"   error: {message}"
        case Note():
            return


def _short(value: Json | object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return shorten(text, _WIDTH, placeholder=" ...")
