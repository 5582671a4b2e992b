"""What takes metrics, as a push gateway and as a collector do, and reads them as they are meant."""

import contextlib
import gzip
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from prometheus_client.parser import text_string_to_metric_families


class Received:
    """What was sent: paths and bodies, newest last."""

    def __init__(self):
        self.requests = []
        self.headers = []
        self.status = 200
        self.url = ""

    @property
    def samples(self):
        """The newest push, as Prometheus reads it: values by name and labels."""
        families = list(text_string_to_metric_families(self.requests[-1][2].decode()))
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }

    @property
    def exported(self):
        """The newest export, as a collector reads it: metrics by name."""
        request = self.requests[-1][2]
        if isinstance(request, bytes):
            request = metrics_service_pb2.ExportMetricsServiceRequest.FromString(request)
        return {
            metric.name: metric
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@contextlib.contextmanager
def http_receiver():
    """A server that takes whatever is put or posted."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            received.requests.append((self.command, self.path, body))
            received.headers.append(dict(self.headers))
            self.send_response(received.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_PUT  # noqa: N815 - the server's name for it

        def log_message(self, *_):
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    received.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def grpc_receiver():
    """A collector that speaks gRPC."""
    import grpc  # noqa: PLC0415 - what most tests do without

    received = Received()

    class Service(metrics_service_pb2_grpc.MetricsServiceServicer):
        def Export(self, request, context):  # noqa: N802 - the protocol's name for it
            received.requests.append(("Export", "", request))
            return metrics_service_pb2.ExportMetricsServiceResponse()

    server = grpc.server(futures.ThreadPoolExecutor(1))
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    received.url = f"http://127.0.0.1:{port}"
    try:
        yield received
    finally:
        server.stop(None).wait()
