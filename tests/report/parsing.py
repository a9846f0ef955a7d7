"""What a browser would see in a page or a drawing."""

import html.parser

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(html.parser.HTMLParser):
    """What a browser would see in a page: elements, their attributes, and text."""

    def __init__(self, source):
        super().__init__()
        self.open, self.elements, self.text, self.figures = [], [], [], []
        self.feed(source)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self._part(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"
        self._part(tag)

    def _part(self, tag):
        """Words of different elements are apart, but for spans, which are within a line or a word."""
        if tag != "span":
            self.text.append(" ")

    def handle_data(self, data):
        self.text.append(data)
        if self.open[-1:] == ["data"]:
            self.figures.append((float(self.elements[-1][1]["value"]), data))

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def words(self):
        return " ".join("".join(self.text).split())
