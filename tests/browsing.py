"""How a browser shows a page, and what axe-core, Deque's engine of accessibility rules, says about it."""

import pathlib

import pytest

SCRIPT = pathlib.Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js"


SCREENS = [(1280, "light"), (390, "dark")]


def emulate(browser, width, scheme):
    """A screen `width` pixels wide, a phone's where that is narrow, in the light or the dark scheme."""
    screen = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    scheme = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", scheme)


def fits(browser):
    """Whether nothing of the page, and no table in it, is wider than the screen leaves room for."""
    return browser.execute_script(
        """const boxes = [...document.querySelectorAll(".scroll")];
        return document.documentElement.scrollWidth <= innerWidth
          && boxes.every((each) => each.scrollWidth <= each.clientWidth + 1);"""
    )


def violations(browser):
    """The rules that the shown page breaks: [(rule, [what breaks it])]; skips the test without axe-core."""
    if not SCRIPT.is_file():
        pytest.skip("axe-core is not installed; type npm install --no-save axe-core")
    browser.set_script_timeout(120)
    browser.execute_script(SCRIPT.read_text(encoding="utf-8"))
    found = browser.execute_async_script(
        """const done = arguments[0];
        axe.run().then(({ passes, violations }) => done({
          passes: passes.length,
          violations: violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]),
        }));"""
    )
    assert found["passes"] > 10  # or it has not looked at the page
    return [(rule, nodes) for rule, nodes in found["violations"]]
