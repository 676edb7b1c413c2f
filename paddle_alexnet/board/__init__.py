"""The VisualDL board: writing its logs, and serving them safely."""
