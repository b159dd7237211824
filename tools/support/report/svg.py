"""Curves over an axis in steps of ten, as an image that a document shows. No library: the drawing is a page of text."""

from html import escape
import math

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 400, 76, 44, 20, 84
COLORS = ("#1f6f8b", "#c1502e", "#5b7f3a", "#7a4fa3", "#8a6d1f", "#444444")


def ticks(low, high):
    """Powers of ten that enclose the values."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [10.0 ** power for power in range(first, max(last, first + 1) + 1)]


def short(value):
    if value >= 1e9:
        return f"{value / 1e9:g}G"
    if value >= 1e6:
        return f"{value / 1e6:g}M"
    if value >= 1e3:
        return f"{value / 1e3:g}k"
    return f"{value:g}"


def chart(title, x_title, y_title, curves):
    """`curves`: (name, [(x, y), …]) each; both axes are logarithmic."""
    points = [point for _, curve in curves for point in curve]
    xs, ys = (ticks(min(axis), max(axis)) for axis in zip(*points))

    def place(x, y):
        across = (math.log10(x) - math.log10(xs[0])) / (math.log10(xs[-1]) - math.log10(xs[0]))
        up = (math.log10(y) - math.log10(ys[0])) / (math.log10(ys[-1]) - math.log10(ys[0]))
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        text(WIDTH / 2, 24, title, "middle", 15),
        text(WIDTH / 2, HEIGHT - BOTTOM + 36, x_title, "middle"),
        f'<g transform="translate(16 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)">{text(0, 0, y_title, "middle")}</g>',
    ]
    for x in xs:
        at, _ = place(x, ys[0])
        parts += [line(at, TOP, at, HEIGHT - BOTTOM), text(at, HEIGHT - BOTTOM + 18, short(x), "middle")]
    for y in ys:
        _, at = place(xs[0], y)
        parts += [line(LEFT, at, WIDTH - RIGHT, at), text(LEFT - 6, at + 4, short(y), "end")]
    for i, (name, curve) in enumerate(curves):
        color = COLORS[i % len(COLORS)]
        places = [place(x, y) for x, y in curve]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in places]
        legend = LEFT + i * (WIDTH - LEFT - RIGHT) / len(curves)
        parts.append(f'<rect x="{legend:.0f}" y="{HEIGHT - 30}" width="12" height="12" fill="{color}"/>')
        parts.append(text(legend + 18, HEIGHT - 20, name))
    return "\n".join(parts) + "\n</svg>\n"


def line(x1, y1, x2, y2):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#dddddd"/>'


def text(x, y, words, anchor="start", size=12):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(words)}</text>'
