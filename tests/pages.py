"""Pages in a real browser, and what they say and ask for meanwhile."""

from typing import Any, Self

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


class OpenedPage:
    """One opened page.

    Attributes:
        page: The page.
        noise: What its console said, and each request for another address than its own.
    """

    def __init__(
        self, browser: Any, address: str, own: str, size: str = "desktop", scheme: str = "light"
    ) -> None:
        """Open an address; every request may begin with `own`."""
        width, height = SIZES[size]
        self._context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            has_touch=size == "phone",
            reduced_motion="reduce",
        )
        self.page = self._context.new_page()
        self.noise: list[str] = []
        self.page.on("console", lambda message: self.said(message.text))
        self.page.on("pageerror", lambda error: self.noise.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url, own))
        self.page.goto(address)

    def said(self, text: str) -> None:
        """Note a line of the console."""
        self.noise.append(text)

    def _asked(self, url: str, own: str) -> None:
        if not url.startswith(("data:", own)):
            self.noise.append(f"request for {url}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.close()
