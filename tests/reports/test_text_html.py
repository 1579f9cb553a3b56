"""Statements and rollouts as HTML: formulas are drawn, special tokens marked, and nothing becomes markup."""

from __future__ import annotations

from html import escape

import pytest

from aimo_solver.reports.text_html import rollout_html, statement_html


@pytest.mark.parametrize(
    "token",
    [
        "<|im_end|>",
        "<|endoftext|>",
        "<｜end▁of▁sentence｜>",
        "</s>",
        "<end_of_turn>",
        "<|start|>assistant",
        "<|channel|>analysis",
        "<|message|>",
    ],
)
def test_a_special_token_is_marked(token: str) -> None:
    assert f'<span class="token">{escape(token)}</span>' in rollout_html(f"a{token}<|end|>b")


@pytest.mark.parametrize("text", ["<think>", "a <| b |> c", "|>", "x <s y"])
def test_what_looks_like_a_special_token_is_text(text: str) -> None:
    assert rollout_html(text) == escape(text)


def test_a_rollouts_formulas_become_mathml_but_not_its_code_or_its_prices() -> None:
    assert rollout_html(r"So $\boxed{42}$ and \[x\].").count("<math") == 2
    for text in ("```python\nprint('$x$')\n```", "It costs $5, not $7.", "```\n$x$", "$x\n\ny$"):
        assert "<math" not in rollout_html(text)


def test_a_long_rollout_is_not_drawn_to_its_end() -> None:
    assert 0 < rollout_html("$x$ " * 5000).count("<math") < 1000


def test_formulas_become_mathml_and_the_rest_is_text() -> None:
    html = statement_html(r"Cost \$5 <b>, $\frac12$, \[x\] and \(y\); $$z$$" + "\n\nnew")
    assert html.startswith("Cost $5 &lt;b&gt;, <math") and html.count("<math") == 4 and "<br><br>new" in html


@pytest.mark.parametrize(
    "text", [r"$\frac{$", "$", "$$", r"\[", r"$\begin{matrix}$", r"$\unknown{x}$", "[asy]<script>[/asy]"]
)
def test_what_is_no_formula_is_shown_as_it_was_written(text: str) -> None:
    assert "<script" not in statement_html(text)


@pytest.mark.parametrize("hidden", ["<script>x</script>", "<img src=x onerror=y>", "</math><script>"])
def test_no_markup_comes_through_a_formula(hidden: str) -> None:
    for text in (f"${hidden}$", rf"$\text{{{hidden}}}$", rf"\[\mbox{{{hidden}}}\]"):
        assert "<script" not in statement_html(text).lower() and "<img" not in statement_html(text).lower()


@pytest.mark.parametrize("opening", [r"\[", r"\(", "$$", "[asy]", r"\begin{align}", "<|start|>"])
def test_a_megabyte_of_what_is_never_closed_ends(opening: str) -> None:
    text = opening * (1_000_000 // len(opening))
    assert len(rollout_html(text)) >= len(text)


def test_displayed_and_inline_formulas_are_drawn_as_such() -> None:
    text = "Costs \\$5.\n\\[x\\]\nThen \\begin{align*}y&=1\\end{align*} and $z$."
    drawn = rollout_html(text)
    assert drawn.count('display="block"') == 2 and drawn.count('display="inline"') == 1 and "Costs $5." in drawn
