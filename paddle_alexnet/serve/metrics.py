"""What a server counts, for Prometheus. No label holds what a client sent."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """Counters of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "alexnet_requests",
            "Requests answered, by route and status",
            ["route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "alexnet_request_seconds",
            "Time to answer a request after it has arrived, by route",
            ["route"],
            registry=self._registry,
        )
        self._batch = Histogram(
            "alexnet_batch_images",
            "Images that passed the net together",
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=self._registry,
        )

    def gauge(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """Add a number that is looked up when it is asked for."""
        Gauge(f"alexnet_{name}", meaning, registry=self._registry).set_function(value)

    def answered(self, route: str, status: int, seconds: float | None = None) -> None:
        """Count an answer; ``route`` is one of few."""
        self._requests.labels(route, str(status)).inc()
        if seconds is not None:
            self._seconds.labels(route).observe(seconds)

    def passed(self, images: int) -> None:
        """Count a batch."""
        self._batch.observe(images)

    def text(self) -> bytes:
        """All of them in Prometheus's text format."""
        return generate_latest(self._registry)
