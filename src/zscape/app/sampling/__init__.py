"""What `zscape sample` does: draw a set of codes, decode it, and measure it beside independent draws.

Nothing is imported here: what was asked wrongly is refused by `asked` and `places` before torch is loaded.
"""
