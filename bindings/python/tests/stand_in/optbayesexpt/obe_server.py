"""A server that names the socket class whose constructor it calls, and finds commands inside other words."""

from __future__ import annotations

from typing import Any

from optbayesexpt.obe_socket import Socket


class OBE_Server(Socket):  # noqa: N801
    """The stand-in for the server."""

    greeting = "SERVER READY"

    def __init__(
        self, initial_args: tuple[Any, ...] = (), ip_address: str = "127.0.0.1", port: int = 61981, **kwargs: Any
    ) -> None:
        Socket.__init__(self, "server", ip_address=ip_address, port=port)
        self.initial_args = initial_args
        self.initial_kwargs = kwargs or None
        self.obe_engine: Any = None

    def make_obe(self, obe_class: Any, class_args: tuple[Any, ...], **kwargs: Any) -> None:
        self.initial_args = class_args or self.initial_args
        self.obe_engine = obe_class(*self.initial_args, **kwargs)

    def newrun(self, message: Any) -> Any:
        pass

    def run(self) -> None:
        print(self.greeting)
        while True:
            message = self.receive()
            command = message["command"]
            if "getset" in command:
                self.send(self.obe_engine.allsettings)
            elif "getcon" in command:
                self.send(self.obe_engine.cons)
            elif "newrun" in command:
                self.newrun(message)
                self.send("OK")
            elif "optset" in command:
                self.send(self.obe_engine.opt_setting())
            elif "goodset" in command:
                only = {key: value for key, value in message.items() if key == "pickiness"}
                self.send(self.obe_engine.good_setting(**only))
            elif "newdat" in command:
                self.obe_engine.pdf_update((message["x"], message["y"], message["s"]))
                self.send("OK")
            elif "getmean" in command:
                self.send(self.obe_engine.mean())
            elif "ready" in command:
                self.send("OK")
            elif "done" in command:
                self.send("OK")
                break
