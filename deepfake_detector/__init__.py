"""Deepfake detection from faces: the library that the stages, the command line and the page share."""


class UserError(Exception):
    """A problem its reader can mend: the text names the file or the key, and the remedy."""
