"""The custom resources as pydantic models. The schemas of the CRDs are made from them.

One module per noun. Nothing here does I/O, and nothing here imports the rest of penstock. `phase` and `kinds` are
plain data without pydantic, so that importing an enum stays cheap; that is why this package re-exports nothing.
"""
