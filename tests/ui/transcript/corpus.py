"""Hostile documents made by rule: every way to name a resource, every scheme, HTML, and sizes that hang a layout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Hostile:
    name: str
    text: str


IMAGE_FORMS = {
    "inline": "![alt]({url})",
    "angle": "![alt](<{url}>)",
    "title": '![alt]({url} "a title")',
    "full": "![alt][ref]\n\n[ref]: {url}",
    "collapsed": "![ref][]\n\n[ref]: {url}",
    "shortcut": "![ref]\n\n[ref]: <{url}>",
    "early": "[ref]: {url} 'title'\n\ntext ![alt][ref] text",
    "linked": "[![alt]({url})]({url})",
    "list": "- item\n  - ![alt]({url})",
    "quote": "> > ![alt]({url})",
    "table": "| a | b |\n|---|---|\n| ![alt]({url}) | x |",
    "heading": "# ![alt]({url})",
    "emphasis": "***![alt]({url})***",
    "nested": "![![inner]({url})]({url})",
    "footnote": "[^1]\n\n[^1]: ![alt]({url})",
    "img": '<img src="{url}">',
    "bare-img": "<img src={url} onerror=alert(1)>",
    "picture": '<picture><source srcset="{url}"><img src="{url}"></picture>',
    "svg": '<svg><image href="{url}"/><use xlink:href="{url}"/></svg>',
    "style": '<div style="background:url({url})">x</div>',
    "sheet": '<link rel="stylesheet" href="{url}"><style>@import "{url}";</style>',
    "frame": '<iframe src="{url}"></iframe><embed src="{url}">',
    "object": '<object data="{url}"></object><video poster="{url}" src="{url}"></video>',
    "table-background": '<table background="{url}"><tr><td background="{url}">x</td></tr></table>',
    "body": '<body background="{url}"><base href="{url}"><meta http-equiv="refresh" content="0;url={url}">',
}

LINK_FORMS = {
    "inline": "[text]({url})",
    "angle": "[text](<{url}>)",
    "auto": "<{url}>",
    "bare": "see {url} there",
    "full": "[text][ref]\n\n[ref]: {url}",
    "shortcut": "[ref]\n\n[ref]: {url}",
    "html": '<a href="{url}">text</a>',
    "nested": "- [**text**]({url})",
    "misleading": "[https://bank.example]({url})",
    "cell": "| a |\n|---|\n| [text]({url}) |",
}

SCHEMES = (
    "file:///etc/passwd",
    "file:///dev/zero",
    "file://localhost/etc/hosts",
    "file:relative.png",
    "{file}",
    "{relative}",
    "{fifo}",
    "\\\\host\\share\\x.png",
    "//127.0.0.1:{port}/x.png",
    "http://127.0.0.1:{port}/pixel.png?d=secret",
    "HTTP://127.0.0.1:{port}/PIXEL.png",
    "https://127.0.0.1:{port}/pixel.png",
    "data:image/png;base64,iVBORw0KGgo=",
    "data:image/svg+xml,<svg/>",
    "data:text/html,<script>1</script>",
    "qrc:/qt-project.org/styles/commonstyle/images/up-32.png",
    ":/qt-project.org/styles/commonstyle/images/up-32.png",
    "C:\\Windows\\win.ini",
)

LINK_SCHEMES = (
    *SCHEMES,
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "vbscript:x",
    "ms-msdt:/id PCWDiagnostic",
    "search-ms:query=x",
    "smb://host/share",
    "ssh://host",
    "ftp://host/x",
    "tel:123",
    "about:blank",
    "view-source:http://x.example",
    "intent://x#Intent;end",
    "http://user:password@x.example/",
    "http://x.example\u202e/gpj.exe",
    "https://\u0430pple.example/",
    "mailto:a@b.example?bcc=c@d.example",
)


def images(values: dict[str, str]) -> Iterator[Hostile]:
    """Yield every syntax with every address."""
    for form, pattern in IMAGE_FORMS.items():
        for number, scheme in enumerate(SCHEMES):
            url = scheme.format(**values)
            yield Hostile(f"image-{form}-{number}", pattern.format(url=url))


def links(values: dict[str, str]) -> Iterator[Hostile]:
    """Yield every way to write a link with every scheme."""
    for form, pattern in LINK_FORMS.items():
        for number, scheme in enumerate(LINK_SCHEMES):
            url = scheme.format(**values)
            yield Hostile(f"link-{form}-{number}", pattern.format(url=url))


def markup() -> Iterator[Hostile]:
    """Yield HTML of all sorts; it is shown as text."""
    tags = [
        "script",
        "style",
        "table",
        "div",
        "form",
        "input",
        "button",
        "details",
        "marquee",
        "math",
        "svg",
        "canvas",
        "template",
        "noscript",
        "plaintext",
        "xmp",
    ]
    for tag in tags:
        yield Hostile(f"html-{tag}", f"before <{tag} onclick=x()>inside</{tag}> after")
        yield Hostile(f"html-block-{tag}", f"<{tag}>\n\n**bold**\n\n</{tag}>")
    for number, text in enumerate(
        (
            "<!-- comment -->",
            "<![CDATA[ x ]]>",
            "<!DOCTYPE html>",
            "<?php x ?>",
            "&lt;img src=x&gt;",
            "&#x3c;img src=x&#x3e;",
        )
    ):
        yield Hostile(f"html-odd-{number}", text)


def sizes() -> Iterator[Hostile]:
    """Yield what makes a naive layout hang."""
    yield Hostile("word-1m", "x" * 1_000_000)
    yield Hostile("word-200k", "y" * 199_000)
    yield Hostile("words-1m", "word " * 200_000)
    yield Hostile("brackets", "[" * 190_000)
    yield Hostile("image-marks", "![" * 90_000)
    yield Hostile("links", "[a](http://x.example) " * 8_000)
    yield Hostile("ampersands", "&" * 190_000)
    yield Hostile("entities", "&amp;" * 38_000)
    yield Hostile("stars", "*" * 190_000)
    yield Hostile("star-words", "*a " * 60_000)
    yield Hostile("underscores", "_a_" * 60_000)
    yield Hostile("ticks", "`" * 190_000)
    yield Hostile("tick-words", "`a " * 60_000)
    yield Hostile("tildes", "~~a" * 60_000)
    yield Hostile("backslashes", "\\" * 190_000)
    yield Hostile("less", "<" * 190_000)
    yield Hostile("quotes", ">" * 100_000)
    yield Hostile("quote-lines", "> x\n" * 45_000)
    yield Hostile("deep-list", "\n".join("  " * i + "- x" for i in range(300)))
    yield Hostile("list-20k", "- item\n" * 20_000)
    yield Hostile("list-markers", "- " * 90_000)
    yield Hostile("headings", "# h\n" * 45_000)
    yield Hostile("rules", "---\n\n" * 35_000)
    yield Hostile("blank-lines", "\n" * 190_000)
    yield Hostile("table-20k", "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 20_000)
    yield Hostile("table-500", "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 499)
    yield Hostile("table-wide", "|" + "a|" * 2_000 + "\n|" + "-|" * 2_000 + "\n|" + "b|" * 2_000)
    yield Hostile("nested-tables", "<table><tr><td>" * 1_000)
    yield Hostile("nested-divs", "<div>" * 20_000)
    yield Hostile("code-1m", "```python\n" + "x = 'a' # b\n" * 80_000)
    yield Hostile("code-line", "```\n" + "z" * 190_000 + "\n```")
    yield Hostile("fences", "```\n" * 45_000)
    yield Hostile("formulas", "$$\n" * 45_000)
    yield Hostile("emoji", "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466" * 20_000)
    yield Hostile("marks", "a" + "\u0301" * 50_000)
    yield Hostile("overrides", "\u202eabc" * 40_000)
    yield Hostile("tags", "a" + "".join(chr(0xE0000 + i % 128) for i in range(50_000)))
    yield Hostile("controls", "\x1b[31mred\x1b[0m\x07\x00" * 10_000)
    yield Hostile("isolates", "\u2066" * 50_000)
    yield Hostile("definitions", "\n".join(f"[r{i}]: http://x.example/{i}" for i in range(6_000)) + "\n\n[r1] [r2]")
    yield Hostile("footnotes", "\n".join(f"[^{i}]: note" for i in range(10_000)))
    yield Hostile("indented", "    code\n" * 20_000)
    yield Hostile("carriage", "a\r\nb\rc\r\n" * 20_000)
    yield Hostile("separators", "a\u2028b\u2029c\x85" * 30_000)
    yield Hostile("surrogate", "\ufffd\ufffe\uffff" * 20_000)


def corpus(values: dict[str, str]) -> list[Hostile]:
    """Return all documents."""
    return [*images(values), *links(values), *markup(), *sizes()]
