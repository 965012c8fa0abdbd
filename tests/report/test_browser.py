"""The page in a real browser, light and dark."""

import re
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from zscape.report import write

QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--enable-logging=stderr", "--v=0", "--window-size=1280,2400"),
)


@pytest.fixture
def shot(tmp_path):
    """Load a page, dark (0) or light (1); gives its picture and what the browser wrote to its console."""
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("needs chromium: apt-get install chromium")

    def taken(page, scheme):
        target = tmp_path / f"{scheme}.png"
        done = subprocess.run(
            [
                *(browser, *QUIET, f"--user-data-dir={tmp_path / f'profile{scheme}'}"),
                *(f"--blink-settings=preferredColorScheme={scheme}", f"--screenshot={target}", page.as_uri()),
            ],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        return np.asarray(Image.open(target).convert("RGB")).astype(int), console

    return taken


@pytest.mark.browser
def test_page_renders_in_light_and_dark(make, shot):
    page = write(*make(latent=2))
    light, light_console = shot(page, 1)
    dark, dark_console = shot(page, 0)
    assert light_console == dark_console == []
    assert light[0, 0].tolist() == [255, 255, 255]
    assert dark[0, 0].tolist() == [20, 23, 27]
    # Text and drawings: something stands out from both papers, in every stretch of the page.
    for picture in (light, dark):
        contrast = np.abs(picture - picture[0, 0]).max(axis=(1, 2)).reshape(12, -1).max(axis=1)
        assert (contrast > 100).all()


@pytest.mark.browser
def test_drawings_draw_themselves(make, shot):
    run, data = make(drawings=True, only=("weights",))
    write(run, data)
    drawn = (run.figures / "redrawn.svg").read_text()

    def at(second):
        """The drawing stopped at a second of its own time, which does not go with that of a busy machine."""
        stop = f"const a = document.querySelector('svg'); a.pauseAnimations(); a.setCurrentTime({second})"
        page = run.path / "stopped.html"
        page.write_text(f"<body>{drawn[drawn.index('<svg') :]}<script>{stop}</script></body>")
        return shot(page, 1)[0]

    early, late = at(1), at(5.5)
    ink = [(picture < 100).all(axis=-1).sum() for picture in (early, late)]
    assert 0 < 2 * ink[0] < ink[1]
    # After three quarters of its six seconds each drawing is whole, as it is where nothing moves.
    drawn = re.sub("<animate [^>]*/>", "", drawn)
    np.testing.assert_array_equal(at(0), late)


@pytest.mark.browser
def test_the_console_is_read(shot, tmp_path):
    page = tmp_path / "broken.html"
    page.write_text("<script>console.error('heard')</script>")
    assert "heard" in shot(page, 1)[1][0]
