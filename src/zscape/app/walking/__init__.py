"""What `zscape walk` does: move one latent at a time, or go from code to code; codes, pictures and measures.

Nothing is imported here: what was asked wrongly is refused by `asked` before torch is loaded.
"""
