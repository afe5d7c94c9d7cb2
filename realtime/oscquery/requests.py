"""Plain HTTP requests: who may ask, how much, and the answer as a response. It knows no WebSocket, but lets it in."""

import asyncio
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from realtime.oscquery.answer import HOST_INFO, Reply, Target, answer, read_target, refuse
from realtime.oscquery.attributes import extensions
from realtime.oscquery.budget import Budget
from realtime.oscquery.door import Door, GuardedConnection
from realtime.oscquery.guard import refusal
from realtime.oscquery.limits import LONGEST_WAIT_S, NODES_PER_S, REQUEST_NODES
from realtime.oscquery.view import View


class Requests:
    """Answers requests.

    Parameters
    ----------
    view : View
    door : Door
    name : str
        Of the server, for HOST_INFO.
    osc_port, port : int
        UDP port of OSC (0: there is none), and TCP port of this server.

    Thread
    ------
    One: that of the server's loop.
    """

    def __init__(self, view: View, door: Door, name: str, osc_port: int, port: int) -> None:
        self._view = view
        self._door = door
        self._name = name
        self._osc_port = osc_port
        self._port = port
        self._budget = Budget(NODES_PER_S)
        self.count = 0

    async def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """The response to a plain request; None lets a WebSocket in."""
        assert isinstance(connection, GuardedConnection)
        self.count += 1
        origin = _one(request.headers, "Origin")
        why = refusal(_one(request.headers, "Host"), origin)
        if why:
            self._door.turn_away(f"a request was refused: {why}", "origin")
            return _response(refuse(HTTPStatus.FORBIDDEN, why), None)
        if request.method != "GET":
            return _response(refuse(HTTPStatus.METHOD_NOT_ALLOWED, "method: allowed: GET"), origin)
        is_websocket = "websocket" in ",".join(request.headers.get_all("Upgrade")).lower()
        tree = self._view.refresh()
        target = Target(tree.root, HOST_INFO) if is_websocket else read_target(tree, request.path)
        if not await self._turn(target.nodes if isinstance(target, Target) else 0):
            return _response(refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many requests"), origin)
        if is_websocket:
            return None if self._door.seat(connection) else _response(refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many WebSockets"), origin)
        if isinstance(target, Reply):
            self._door.refused += 1
            return _response(target, origin)
        return _response(answer(target, self._host_info(connection), self._view.core.read), origin)

    async def _turn(self, nodes: int) -> bool:
        """Wait until so many nodes may be described; False where that would take too long."""
        cost = REQUEST_NODES + nodes
        if self._budget.wait_s(cost) > LONGEST_WAIT_S:
            self._door.turn_away("more requests than can be answered: some were refused", "requests")
            return False
        wait_s = self._budget.take(cost)
        if wait_s:
            await asyncio.sleep(wait_s)
        return True

    def _host_info(self, connection: ServerConnection) -> dict[str, Any]:
        """Where OSC and the WebSocket are, by the address this client has reached us at."""
        here = connection.local_address[0]
        osc = {"OSC_IP": here, "OSC_PORT": self._osc_port, "OSC_TRANSPORT": "UDP"} if self._osc_port else {}
        return {"NAME": self._name, "EXTENSIONS": extensions()} | osc | {"WS_IP": here, "WS_PORT": self._port}


def _one(headers: Headers, name: str) -> str | None:
    """A header's value; of several the first: no browser sends two."""
    values = headers.get_all(name)
    return values[0] if values else None


def _response(reply: Reply, origin: str | None) -> Response:
    """An HTTP response. `origin` is the page that may read it."""
    headers = Headers({"Connection": "close", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})
    if reply.status is not HTTPStatus.NO_CONTENT:
        headers["Content-Type"] = "application/json; charset=utf-8"
        headers["Content-Length"] = str(len(reply.body))
    if reply.status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = "GET"
    if origin is not None:
        headers["Access-Control-Allow-Origin"] = origin
        headers["Vary"] = "Origin"
    return Response(reply.status.value, reply.status.phrase, headers, reply.body)
