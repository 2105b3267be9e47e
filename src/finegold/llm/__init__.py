"""LLM: one client for any OpenAI-compatible endpoint: cache, pace, budget, audit, a strict parser."""

from finegold.llm.budget import Limits, Plan, Prices
from finegold.llm.cache import Cache
from finegold.llm.client import CachedClient, Session, map_bounded
from finegold.llm.endpoint import Endpoint
from finegold.llm.parse import Reading, echoes, parse_rating
from finegold.llm.reply import CallFailed, ChatClient, ChatReply, Halted
from finegold.llm.request import ChatRequest, Mark, Message, Picture, Untrusted, holds_control_tokens
from finegold.llm.session import LoopThread, endpoint_from, model_from, prices_from, session_from

__all__ = [
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
    "Picture",
    "Plan",
    "Prices",
    "Reading",
    "Session",
    "Untrusted",
    "echoes",
    "endpoint_from",
    "holds_control_tokens",
    "map_bounded",
    "model_from",
    "parse_rating",
    "prices_from",
    "session_from",
]
