"""``python served_s3.py PORT`` serves S3 on this machine: moto, over real sockets.

One request at a time: moto looks whether a name is taken and puts the object in two steps, which S3
does in one. SIGUSR1 has it refuse connections, SIGUSR2 has it serve again what it holds. With
IGNORES_CONDITIONS in the environment it overwrites what a put should not, as old stores do.
"""

import os
import signal
import sys
import threading


def application():
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    served = DomainDispatcherApplication(create_backend_app)
    if "IGNORES_CONDITIONS" not in os.environ:
        return served

    def careless(environment, start_response):
        environment.pop("HTTP_IF_NONE_MATCH", None)
        return served(environment, start_response)

    return careless


def main() -> None:
    from werkzeug.serving import make_server

    numbers = (signal.SIGUSR1, signal.SIGUSR2)
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    served = application()
    while True:
        server = make_server("127.0.0.1", int(sys.argv[1]), served, threaded=False)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        signal.sigwait([signal.SIGUSR1])
        server.shutdown()
        thread.join()
        server.server_close()
        signal.sigwait([signal.SIGUSR2])


if __name__ == "__main__":
    main()
