"""The proxy that the environment names for an address, looked up once."""

import base64
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from finegold.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy.

    Attributes:
        url: Without user name and password, so that it may stand in messages.
        authorization: Value of the header `Proxy-Authorization`; None if the proxy asks for none.
    """

    url: str
    authorization: str | None = field(default=None, repr=False)


def proxy_for(url: str) -> Proxy | None:
    """The proxy for an address by HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY (or the system's own).

    Raises:
        ConfigError: If it is no HTTP proxy.
    """
    target = urlsplit(url)
    known = getproxies()
    named = known.get(target.scheme) or known.get("all")
    if not named or proxy_bypass(target.netloc.rpartition("@")[2]):
        return None
    parts = urlsplit(named if "://" in named else f"http://{named}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            f"the environment names a {parts.scheme or 'nameless'} proxy for {target.scheme} addresses and "
            "finegold speaks to http proxies only: set HTTP_PROXY and HTTPS_PROXY to one, or NO_PROXY to "
            f"{target.hostname}"
        )
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode()).decode()
    return Proxy(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", authorization)
