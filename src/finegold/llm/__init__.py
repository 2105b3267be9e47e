"""LLM: one client for any OpenAI-compatible endpoint: cache, pace, budget, audit, a strict parser."""

from finegold.llm.ask import Asked, ask_until_read
from finegold.llm.budget import Limits, Plan, Prices
from finegold.llm.cache import Cache, default_cache
from finegold.llm.client import CachedClient, Session, map_bounded
from finegold.llm.demands import demands_verdict
from finegold.llm.endpoint import Endpoint
from finegold.llm.parse import Reading, echoes, parse_rating
from finegold.llm.reply import CallFailed, ChatClient, ChatReply, Halted, TokenLogprobs
from finegold.llm.request import ChatRequest, Mark, Message, Picture, Untrusted
from finegold.llm.session import (
    LoopThread,
    check_model_name,
    endpoint_from,
    model_from,
    prices_from,
    session_from,
    session_in_force,
)
from finegold.llm.stream import OnText
from finegold.llm.thinking import without_thinking
from finegold.samples.control_tokens import holds_control_tokens

__all__ = [
    "Asked",
    "Cache",
    "CachedClient",
    "CallFailed",
    "ChatClient",
    "ChatReply",
    "ChatRequest",
    "Endpoint",
    "Halted",
    "Limits",
    "LoopThread",
    "Mark",
    "Message",
    "OnText",
    "Picture",
    "Plan",
    "Prices",
    "Reading",
    "Session",
    "TokenLogprobs",
    "Untrusted",
    "ask_until_read",
    "check_model_name",
    "default_cache",
    "demands_verdict",
    "echoes",
    "endpoint_from",
    "holds_control_tokens",
    "map_bounded",
    "model_from",
    "parse_rating",
    "prices_from",
    "session_from",
    "session_in_force",
    "without_thinking",
]
