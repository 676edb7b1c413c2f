"""What can go wrong through no fault of the program. The tools show these in one line."""


class AlexNetError(Exception):
    """Base of the errors a person can mend; its text says what is wrong and what to do next."""


class ConfigError(AlexNetError):
    """A key or a value of the configuration, or of a command line, cannot be used."""


class DataError(AlexNetError):
    """A folder or a file of images cannot be used."""


class WeightsError(AlexNetError):
    """A weights file cannot be read, or does not fit."""


class RunError(AlexNetError):
    """A run cannot start, go on, or be saved."""
