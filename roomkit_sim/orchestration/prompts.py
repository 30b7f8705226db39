"""What agents are told by the orchestration: their prompt, and the cue to speak after a handoff."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roomkit_sim.channels.agent import Agent

__all__ = ["agent_prompt", "greeting_instruction", "in_language"]


def agent_prompt(agent: Agent, language: str | None, default: str | None = None) -> str:
    """An agent's prompt with its identity block; empty when there is neither.

    Args:
        agent: The agent.
        language: The conversation's language; the agent's own when ``None``.
        default: Stands in for the prompt of an agent that has none.
    """
    return (agent.system_prompt or default or "") + (agent.build_identity_block(language) or "")


def in_language(text: str, language: str | None) -> str:
    """The text with the demand to answer in a language in front."""
    return f"[Respond in {language}] {text}" if language else text


def greeting_instruction(
    agent: Agent, *, prompt: str | None, language: str | None, from_agent: str | None, summary: str | None
) -> str:
    """Ask an agent that has just taken over to speak.

    Args:
        agent: The agent.
        prompt: The application's own wording; a general one when absent.
        language: The conversation's language.
        from_agent: Who handed over.
        summary: What that agent said about the conversation.
    """
    role = f"You are now the {agent.role}." if agent.role else "You have taken this conversation over."
    text = prompt or f"[{role} Introduce yourself briefly and continue the conversation.]"
    if summary and from_agent:
        text = f"{text} [Summary from {from_agent}: {summary}]"
    return in_language(text, language)
