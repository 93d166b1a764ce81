"""Adapters for the tools that people already use: one file for each host, imported by its own name.

Nothing is imported here: `bohb.integrations.sklearn` needs scikit-learn and nothing else, and so on.
"""
