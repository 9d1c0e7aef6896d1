"""How an answer leaves when a fault wants it so: in pieces, slowly, in part, or not at all."""

from __future__ import annotations

import asyncio
import os
import socket
import struct

from aiohttp import web

from cloudflow_async.emulator.faults.faults import Fault

from .connections import Connection, NoAnswer

_PIECES_A_SECOND = 20
"""How many pieces a slow answer is sent in, unless the fault gives their size."""

_LARGEST_PIECE = 65_536
_LINGER = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
_END_OF_HEAD = b"\r\n\r\n"


async def send(
    request: web.BaseRequest, response: web.Response | None, fault: Fault
) -> web.StreamResponse:
    """Send what a fault leaves of an answer, and return what aiohttp is to go on with.

    Args:
        request: What is answered.
        response: None: nothing is sent but the fault's own bytes, if it has any.
        fault: Says how.

    Raises:
        ConnectionResetError: The client has gone; nothing more is sent.
    """
    if response is not None and not fault.spoils_sending:
        return response
    connection = Connection.of(request)
    await _send_pieces(request, await _bytes(request, response, fault), fault)
    if fault.stall is not None:
        await connection.gone.wait()
    if fault.reset:
        _reset(connection)
    return NoAnswer() if response is None or fault.cuts else response


async def _bytes(request: web.BaseRequest, response: web.Response | None, fault: Fault) -> bytes:
    """Return what is to be sent before the connection is kept, closed, reset or left in silence."""
    size = fault.truncate if fault.truncate is not None else fault.stall
    if response is None:
        whole, head = fault.raw or b"", 0
    else:
        whole = await Connection.of(request).render(request, response)
        head = whole.index(_END_OF_HEAD) + len(_END_OF_HEAD)
    return whole[: head + size] if isinstance(size, int) else whole


async def _send_pieces(request: web.BaseRequest, data: bytes, fault: Fault) -> None:
    begun_at = asyncio.get_running_loop().time()
    size = _piece_size(fault) or max(1, len(data))
    for start in range(0, len(data), size):
        piece = data[start : start + size]
        if fault.bandwidth is not None:
            await _pause(request, begun_at + (start + len(piece)) / fault.bandwidth)
        await _send_piece(request, piece)


def _piece_size(fault: Fault) -> int | None:
    if fault.piece_size is not None or fault.bandwidth is None:
        return fault.piece_size
    return max(1, min(_LARGEST_PIECE, int(fault.bandwidth / _PIECES_A_SECOND)))


async def _pause(request: web.BaseRequest, until: float) -> None:
    """Wait until a time of the loop, or until the client goes."""
    try:
        async with asyncio.timeout_at(until):
            await Connection.of(request).gone.wait()
    except TimeoutError:
        pass


async def _send_piece(request: web.BaseRequest, piece: bytes) -> None:
    """Send bytes by themselves; return when they have left and could be read."""
    transport = request.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError("the client has gone")
    transport.set_write_buffer_limits(high=0)
    try:
        transport.write(piece)
        await request.writer.drain()
    finally:
        transport.set_write_buffer_limits()
    # In the first turn a client on the same loop is told that there is something, in the second
    # it reads.
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def _reset(connection: Connection) -> None:
    """End a connection with a TCP reset, if the client has not ended it."""
    transport = connection.transport
    if transport is not None:
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        transport.abort()
