"""What the API counts, as Prometheus reads it: verdicts, refusals, time, and its own memory. No
file, name or address is among it."""

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.process_collector import ProcessCollector

from deepfake_detector.common.verdicts import VERDICTS
from deepfake_detector.serving.inference import Report

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)  # upper ends of the histogram's bins


class Monitor:
    """The counts of one API since it was started."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._verdicts = Counter(
            "deepfake_verdicts", "files judged, by verdict", ["verdict"], registry=self._registry
        )
        for verdict in VERDICTS:
            self._verdicts.labels(verdict)
        self._seconds = Histogram(
            "deepfake_judging_seconds",
            "seconds that judging a file took, without its upload and its wait in line",
            registry=self._registry,
            buckets=SECONDS,
        )
        self._refused = Counter(
            "deepfake_refused",
            "requests not served, by status",
            ["status"],
            registry=self._registry,
        )
        self.uploads = Gauge(
            "deepfake_uploads",
            "uploads that are held: arriving, waiting or being judged",
            registry=self._registry,
        )

    def judged(self, report: Report) -> None:
        """Count a file that was judged: its verdict and the seconds it took."""
        self._verdicts.labels(report.verdict).inc()
        self._seconds.observe(report.seconds)

    def refused(self, status: int) -> None:
        """Count a request that was answered with an error, by the status of the answer."""
        self._refused.labels(str(status)).inc()

    def text(self) -> bytes:
        """All counts in Prometheus' text format, CONTENT_TYPE."""
        return generate_latest(self._registry)
