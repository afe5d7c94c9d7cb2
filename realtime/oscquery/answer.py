"""The answer to one plain HTTP request: pure, from the target of the request to status and JSON. It knows no socket.

Source: the OSCQuery proposal of Vidvox, https://github.com/Vidvox/OSCQueryProposal (which status is for what).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from realtime.oscquery.attributes import BY_NAME, STRUCTURE, Read, attribute_of, describe
from realtime.oscquery.limits import PATH_CHARACTERS
from realtime.oscquery.nodes import Node, Tree

HOST_INFO = "HOST_INFO"


@dataclass(frozen=True)
class Target:
    """What a request asks for: a node, and one attribute of it or (empty) all."""

    node: Node
    attribute: str = ""

    @property
    def nodes(self) -> int:
        """How many nodes have to be described."""
        return self.node.count if self.attribute in ("", "CONTENTS") else 1


@dataclass(frozen=True)
class Reply:
    """Status and body of an answer."""

    status: HTTPStatus
    body: bytes = b""


def refuse(status: HTTPStatus, why: str) -> Reply:
    """An answer that says why there is no other."""
    return Reply(status, _json({"ERROR": why}))


def read_target(tree: Tree, target: str) -> Target | Reply:
    """What `target` (`/deck/1/gain?VALUE`) asks for, or the refusal.

    400: not a path, or an attribute nobody knows. 404: there is no such address.
    """
    if len(target) > PATH_CHARACTERS:
        return refuse(HTTPStatus.REQUEST_URI_TOO_LONG, f"path: got {len(target)} characters; allowed: {PATH_CHARACTERS}")
    raw_path, _, attribute = target.partition("?")
    try:
        path = unquote(raw_path, errors="strict")
    except UnicodeDecodeError:
        return refuse(HTTPStatus.BAD_REQUEST, "path: not UTF-8")
    if not path.startswith("/"):
        return refuse(HTTPStatus.BAD_REQUEST, "path: begins with a stroke")
    if attribute and attribute not in BY_NAME and attribute not in (*STRUCTURE, HOST_INFO):
        return refuse(HTTPStatus.BAD_REQUEST, f"attribute: got {attribute[:64]}; allowed: {', '.join((*STRUCTURE, *BY_NAME, HOST_INFO))}")
    # HOST_INFO is about the server: whatever node it is asked of.
    node = tree.root if attribute == HOST_INFO else tree.find(path)
    if node is None:
        return refuse(HTTPStatus.NOT_FOUND, f"{path[:256]}: no such address")
    return Target(node, attribute)


def answer(target: Target, host_info: Mapping[str, Any], read: Read) -> Reply:
    """The answer to a request that makes sense. 204: the node has no such attribute."""
    if target.attribute == HOST_INFO:
        return Reply(HTTPStatus.OK, _json(host_info))
    if not target.attribute:
        return Reply(HTTPStatus.OK, _json(describe(target.node, read)))
    found = attribute_of(target.node, target.attribute, read)
    if found is None:
        return Reply(HTTPStatus.NO_CONTENT)
    return Reply(HTTPStatus.OK, _json({target.attribute: found}))


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace")
