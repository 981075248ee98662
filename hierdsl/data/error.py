"""What is said when data cannot be used."""


class DataError(Exception):
    """The data cannot be used; the message is one line with file and mend."""
