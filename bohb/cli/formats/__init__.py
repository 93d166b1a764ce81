"""The formats of other programs, one a file; what a file imports of a third party, it imports when it is used."""
