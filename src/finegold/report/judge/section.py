"""The comparison as a section of an HTML report: self-contained, no script, everything escaped."""

from typing import Any

from finegold.judging.result import Judgement, Tally
from finegold.report.judge.table import share, signed

_TEMPLATE = """\
<section class="judge" id="{{ anchor }}">
<style>
.judge div { overflow-x: auto; }
.judge svg { width: 100%; height: auto; max-width: 720px; display: block; }
.judge text { font: 14px system-ui, sans-serif; fill: currentColor; }
@media (max-width: 600px) { .judge text { font-size: 20px; } }
.judge .count { font-weight: 600; fill: #1c1b19; }
.judge .win { fill: #e0a52e; } .judge .tie { fill: #cfd3d8; } .judge .lose { fill: #8f99a5; }
.judge .invalid { fill: none; stroke: currentColor; stroke-dasharray: 3 2; }
.judge dl { display: grid; grid-template-columns: minmax(0, max-content) minmax(45%, 1fr); gap: 2px 16px; }
.judge table { border-collapse: collapse; } .judge dd { margin: 0; }
.judge td, .judge th { padding: 2px 14px 2px 0; text-align: left; white-space: nowrap; }
</style>
<h2>{{ result.a }} against {{ result.b }}</h2>
<p>Judged by {{ result.model }}{% if result.dates %}, {{ result.dates | unique | join(" to ") }}{% endif %},
each question in both orders: a win is two wins, or a win and a tie; a win and a loss is a tie.
{% if invalid %}{{ invalid }} {{ "question has" if invalid == 1 else "questions have" }} no readable verdict
in both orders and {{ "is" if invalid == 1 else "are" }} counted apart.{% endif %}
{% if result.stopped %}It stopped early: {{ result.stopped }}.{% endif %}</p>
<div><svg viewBox="0 0 720 {{ bars | length * 34 + 30 }}" role="img" aria-label="{{ label }}">
{% for bar in bars %}<g transform="translate(0 {{ loop.index0 * 34 + 24 }})">
<text x="0" y="17">{{ bar.name }}</text>
{% for part in bar.parts %}{% if part.width > 0 %}\
<rect class="{{ part.kind }}" x="{{ part.x }}" y="0" width="{{ part.width }}" height="24">\
<title>{{ bar.name }}: {{ part.count }} {{ part.kind }}</title></rect>
{% if part.width > 18 %}<text class="{{ "" if part.kind == "invalid" else "count" }}" \
x="{{ part.x + part.width / 2 }}" y="17" text-anchor="middle">{{ part.count }}</text>
{% endif %}{% endif %}{% endfor %}</g>
{% endfor %}{% for kind in kinds %}<g transform="translate({{ 160 + loop.index0 * 90 }} 0)">\
<rect class="{{ kind }}" width="12" height="12" y="2"/><text x="18" y="13">{{ kind }}</text></g>
{% endfor %}</svg></div>
<div><table><thead><tr><th>questions</th><th>win rate (95%)</th><th>net wins (95%)</th><th>sign test</th></tr>
</thead><tbody>
{% for row in rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table></div>
<h3>The judge</h3>
<dl>{% for name, value in bias %}<dt>{{ name }}</dt><dd>{{ value }}</dd>{% endfor %}</dl>
{% for note in result.notes %}<p>{{ note }}</p>{% endfor %}
</section>
"""
_LEFT, _RIGHT = 160.0, 716.0


def section(result: Judgement, anchor: str = "judge") -> str:
    """An HTML fragment: win-tie-lose bars (all and by category), intervals, and the judge's biases.

    Args:
        result: What was judged.
        anchor: HTML id, of its own for each section of a page.
    """
    from jinja2 import Environment

    rows = {"all": result.overall()}
    categories = result.by_category()
    rows |= categories if len(categories) > 1 else {}
    overall = rows["all"]
    bias = result.bias()
    template = Environment(autoescape=True, trim_blocks=True).from_string(_TEMPLATE)
    return template.render(
        result=result,
        anchor=anchor,
        invalid=overall.invalid,
        label=f"{overall.wins} wins, {overall.ties} ties, {overall.losses} losses",
        kinds=["win", "tie", "lose", *(["invalid"] if overall.invalid else [])],
        bars=[{"name": name, "parts": _parts(found)} for name, found in rows.items()],
        rows=[
            (
                name,
                share(found.win_rate),
                signed(found.net),
                "" if found.p_value is None else f"p = {found.p_value:.3f}",
            )
            for name, found in rows.items()
        ],
        bias=[
            ("both orders agree", share(bias.order_consistency)),
            ("verdicts for the answer shown first (fair: 50%)", share(bias.first_position)),
            ("verdicts for the longer answer", share(bias.longer)),
            ("draws", str(bias.draws)),
            ("answered by", ", ".join(result.answered_by)),
        ],
    )


def _parts(found: Tally) -> list[dict[str, Any]]:
    counts = {"win": found.wins, "tie": found.ties, "lose": found.losses, "invalid": found.invalid}
    scale = (_RIGHT - _LEFT) / max(sum(counts.values()), 1)
    parts, x = [], _LEFT
    for kind, count in counts.items():
        parts.append({"kind": kind, "count": count, "x": round(x, 1), "width": round(count * scale, 1)})
        x += count * scale
    return parts
