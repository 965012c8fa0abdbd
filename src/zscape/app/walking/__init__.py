"""What `zscape walk` does: move one latent at a time, and write the codes, pictures and answers to factors.

Nothing is imported here: what was asked wrongly is refused by `asked` before torch is loaded.
"""
