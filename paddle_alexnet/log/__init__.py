"""What a run leaves behind: its directory, metrics, board log and terminal output."""
