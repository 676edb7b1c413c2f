"""Errors caused by the input or the environment; the tools print them in one line."""


class AlexNetError(Exception):
    """Base class. The message says what is wrong and what to do next."""


class ConfigError(AlexNetError):
    """A key or a value of the configuration, or of the command line, cannot be used."""


class DataError(AlexNetError):
    """A folder or a file of images cannot be used."""


class WeightsError(AlexNetError):
    """A weights file cannot be read or does not fit the net."""


class RunError(AlexNetError):
    """A run cannot start, resume, or be saved."""


class PeerLost(RunError):
    """Another process of a run ended or cannot be reached."""
