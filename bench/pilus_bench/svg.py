# SPDX-License-Identifier: Apache-2.0
"""A drawing: few shapes, in coordinates of pixels from the top left."""
from xml.sax.saxutils import escape, quoteattr


class Drawing:
    def __init__(self, width, height):
        self._elements = []
        self._size = width, height
        self.rectangle(0, 0, width, height, "#ffffff")

    def _add(self, name, text=None, **attributes):
        words = "".join(f" {key.replace('_', '-')}={quoteattr(str(value))}" for key, value in attributes.items())
        self._elements.append(f"<{name}{words}/>" if text is None else f"<{name}{words}>{escape(text)}</{name}>")

    def rectangle(self, x, y, width, height, colour):
        self._add("rect", x=round(x, 1), y=round(y, 1), width=round(width, 1), height=round(height, 1), fill=colour)

    def line(self, points, colour, width=1.0, dashes=None):
        self._add("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points), fill="none", stroke=colour,
                  stroke_width=width, **({"stroke_dasharray": dashes} if dashes else {}))

    def dot(self, x, y, colour):
        self._add("circle", cx=round(x, 1), cy=round(y, 1), r=2.5, fill=colour)

    def text(self, x, y, words, size=11, anchor="start", colour="#444444", weight="normal"):
        self._add("text", words, x=round(x, 1), y=round(y, 1), font_size=size, text_anchor=anchor, fill=colour,
                  font_weight=weight)

    def __str__(self):
        width, height = self._size
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
                f'height="{height}" font-family="system-ui, sans-serif">\n' + "\n".join(self._elements) + "\n</svg>\n")
