"""How well the texts of a page can be told from what is behind them."""

from __future__ import annotations

import json

from tests.browser import Page

SMALLEST = 4.5
"""WCAG 2.2, 1.4.3."""

_SCRIPT = """((selector) => {
  const numbers = (colour) => colour.match(/[0-9.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = numbers(colour).map((part) => part / 255)
      .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const colour = getComputedStyle(element).backgroundColor;
    return numbers(colour)[3] === 0 ? behind(element.parentElement) : colour;
  };
  return [...document.querySelectorAll(selector)]
    .filter((element) => element.type !== 'hidden')
    .map((element) => {
      const [low, high] = [light(getComputedStyle(element).color), light(behind(element))]
        .sort((one, other) => one - other);
      return (high + 0.05) / (low + 0.05);
    });
})"""


async def lowest_contrast(page: Page, selector: str) -> float:
    """Return the lowest contrast of the elements that a CSS selector finds."""
    return float(min(await page.evaluate(f"{_SCRIPT}({json.dumps(selector)})")))
