"""The dashboard over HTTP: a page, and the same as JSON. GET only.

/                              the page
/api/state                     joulecut.dashboard/1, as of the latest second
/api/history                   joulecut.dashboard_history/1, the last ten minutes
/api/sessions/{id}/explain     joulecut.dashboard_explanation/1
/events                        the state once a second, as server-sent events
"""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from joulecut_core.errors import JoulecutError
from joulecut_server.dashboard.board import Board
from joulecut_server.dashboard.events import Events
from joulecut_server.dashboard.visitors import READER, Admit, Doorkeeper

_STATIC = Path(__file__).parent / "static"
_JSON = "application/json"


def make_app(board: Board, admit: Admit) -> Starlette:
    """The application, for whom `admit` lets in; each is told of the sessions that are its to see."""

    def page(request: Request) -> Response:
        del request
        return FileResponse(_STATIC / "index.html")

    def state(request: Request) -> Response:
        board.visited()
        return Response(board.published.told(request.scope[READER]), media_type=_JSON)

    def history(request: Request) -> Response:
        board.visited()
        return Response(board.history(request.scope[READER]), media_type=_JSON)

    async def explain(request: Request) -> Response:
        board.visited()
        try:
            document = await board.explanation(request.path_params["session_id"], request.scope[READER])
        except JoulecutError as error:
            return _refusal(422, str(error))
        if document is None:
            return _refusal(404, "no such session is shown; it may have ended")
        return Response(document, media_type=_JSON)

    return Starlette(
        routes=[
            Route("/", page, methods=["GET"]),
            Route("/api/state", state, methods=["GET"]),
            Route("/api/history", history, methods=["GET"]),
            Route("/api/sessions/{session_id:path}/explain", explain, methods=["GET"]),
            Route("/events", Events(board, admit=admit), methods=["GET"]),
            Mount("/static", StaticFiles(directory=_STATIC)),
        ],
        middleware=[Middleware(Doorkeeper, admit=admit)],
    )


def _refusal(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status_code=status)
