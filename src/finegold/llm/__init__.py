"""LLM: one client for any OpenAI-compatible endpoint: cache, pace, budget, audit, a strict parser."""

from finegold.llm.background import LoopThread
from finegold.llm.budget import Limits, Plan, Prices, Spent, prices_from
from finegold.llm.cache import Cache, default_cache
from finegold.llm.client import CachedClient, map_bounded
from finegold.llm.endpoint import Endpoint, endpoint_from, model_from
from finegold.llm.parse import Reading, echoes, parse_rating
from finegold.llm.reply import CallFailed, ChatClient, ChatReply, Halted
from finegold.llm.request import ChatRequest, Mark, Message, Picture, Untrusted, holds_control_tokens
from finegold.llm.session import Planner, Session, session_from

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
    "Planner",
    "Prices",
    "Reading",
    "Session",
    "Spent",
    "Untrusted",
    "default_cache",
    "echoes",
    "endpoint_from",
    "holds_control_tokens",
    "map_bounded",
    "model_from",
    "parse_rating",
    "prices_from",
    "session_from",
]
