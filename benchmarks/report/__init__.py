"""The report on the results: tables for the terminal, figures, and one HTML file."""
