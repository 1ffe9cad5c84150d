"""The server: its addresses, and what each answers."""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse
from pydantic import ValidationError
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from groundwork import fingerprint
from groundwork.bundle import Bundle
from groundwork.config.serving import ServingConfig
from groundwork.serving.asked import MEDIA_TYPES, Asked, Fetched, Format, in_words, products_of, settled
from groundwork.serving.fetching import fetch
from groundwork.serving.names import expected_names, read_name
from groundwork.serving.predictor import Predictor
from groundwork.serving.queueing import Workers
from groundwork.serving.refusals import RefusedError, too_large
from groundwork.serving.sources import Sent
from groundwork.specs import RasterSpec
from groundwork.strict import did_you_mean, words_of

logger = logging.getLogger(__name__)

#: What a request is called on the server.
_NAME = "scene.tif"
#: What the description of the server says of refusals.
_REFUSALS: dict[int | str, dict[str, Any]] = {
    403: {"description": "An address that is not allowed"},
    408: {"description": "What is sent took too long to arrive"},
    413: {"description": "Too many bytes or pixels"},
    415: {"description": "No GeoTIFF"},
    422: {"description": "A raster, an area or a product that the model cannot do"},
    429: {"description": "Too many requests are under way; Retry-After says when to ask again"},
    504: {"description": "It took too long"},
}
_BODIES = ("image/tiff", "application/octet-stream", "application/zip")


def make_app(bundle: Bundle, config: ServingConfig) -> FastAPI:
    """Return the server of a bundle.

    Raises:
        BundleError: Where the bundle was never trained.
    """
    bundle.require_trained()
    workers = Workers([Predictor(bundle, config) for _ in range(config.workers)], config.max_waiting)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:  # noqa: ARG001 - FastAPI gives it
        yield
        workers.close()

    # The pages of FastAPI load scripts from elsewhere.
    title = bundle.config.model.title()
    app = FastAPI(title="Groundwork", summary=title, lifespan=lifespan, docs_url=None, redoc_url=None)
    _add_refusals(app)
    _add_answers(app, workers, config, bundle)
    _add_descriptions(app, bundle, config, workers)
    return app


def _add_refusals(app: FastAPI) -> None:
    @app.exception_handler(RefusedError)
    async def refused(request: Request, refusal: Exception) -> JSONResponse:  # noqa: ARG001 - FastAPI gives it
        if not isinstance(refusal, RefusedError):
            raise refusal
        wait = {} if refusal.retry_after_s is None else {"Retry-After": str(refusal.retry_after_s)}
        return JSONResponse({"detail": refusal.message}, refusal.status, headers=wait)

    @app.exception_handler(RequestValidationError)
    async def misread(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 - FastAPI gives it
        if not isinstance(error, RequestValidationError):
            raise error
        wrong = [f"{problem['loc'][-1]}: {words_of(problem)}." for problem in error.errors()]
        return JSONResponse({"detail": " ".join(wrong)}, 422)


def _add_answers(app: FastAPI, workers: Workers, config: ServingConfig, bundle: Bundle) -> None:
    inputs = bundle.config.inputs

    @app.middleware("http")
    async def counted(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await answer(request)
        if request.method == "POST":
            workers.answers[response.status_code] += 1
        return response

    @app.post("/predictions", responses=_REFUSALS, openapi_extra=_body())
    async def predict(request: Request, asked: Annotated[Asked, Depends(_asked)]) -> FileResponse:
        """Predict the raster that is sent, or that lies at the address that is sent."""
        deadline = time.monotonic() + config.timeout_s

        def work(predictor: Predictor, sent: Sent) -> Path:
            return predictor.answer(sent, asked, deadline)

        _, form = settled(asked, bundle)
        return await _answered(workers, partial(_receive, request, config, inputs), work, form)

    @app.post("/pictures", responses=_REFUSALS, openapi_extra=_body())
    async def look(request: Request) -> FileResponse:
        """Return a picture of the raster that is sent, to be seen beside a prediction."""
        return await _answered(workers, partial(_receive, request, config, inputs), Predictor.look, "png")


async def _answered(
    workers: Workers,
    receive: Callable[[Path], Awaitable[Sent]],
    work: Callable[[Predictor, Sent], Path],
    form: Format,
) -> FileResponse:
    folder = Path(tempfile.mkdtemp(prefix="groundwork-serve-"))
    try:
        with workers.place():
            sent = await receive(folder)
            made = await workers.run(lambda predictor: work(predictor, sent))
    except BaseException:
        shutil.rmtree(folder)
        raise
    clean = BackgroundTask(shutil.rmtree, folder)
    return FileResponse(made, media_type=MEDIA_TYPES[form], filename=made.name, background=clean)


async def _receive(request: Request, config: ServingConfig, inputs: Mapping[str, RasterSpec], folder: Path) -> Sent:
    """Write what is sent into a file, or what lies at the addresses that are sent."""
    try:
        # Who stops within what he sends, as a machine that sleeps, would hold a place for ever.
        async with asyncio.timeout(config.timeout_s):
            return await _received(request, config, inputs, folder)
    except TimeoutError as error:
        message = f"What is sent did not arrive within {config.timeout_s:g} s: send less, or over a faster line."
        raise RefusedError(408, message) from error


async def _received(request: Request, config: ServingConfig, inputs: Mapping[str, RasterSpec], folder: Path) -> Sent:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        body = b"".join([chunk async for chunk in _limited(request, 10_000)])
        try:
            fetched = Fetched.model_validate_json(body)
        except ValidationError as error:
            raise RefusedError(422, f"Expected {{'address': 'https://...'}}; {in_words('body', error)}") from error
        return await run_in_threadpool(_fetch, fetched, config, inputs, folder)
    if kind not in _BODIES:
        raise RefusedError(415, f"Found the content type '{kind}'; expected {', '.join(_BODIES)}, or application/json.")
    with (folder / _NAME).open("wb") as file:
        async for chunk in _limited(request, config.max_bytes):
            await asyncio.to_thread(file.write, chunk)
    return folder / _NAME


def _fetch(fetched: Fetched, config: ServingConfig, inputs: Mapping[str, RasterSpec], folder: Path) -> Sent:
    if fetched.address is not None:
        fetch(fetched.address, config.addresses, config.max_bytes, folder / _NAME)
        return folder / _NAME
    found: dict[str, Path] = {}
    left = config.max_bytes
    for name, address in sorted(fetched.addresses.items()):
        named = read_name(name, inputs)
        if named is None or not named.is_new(folder, found):
            expected = expected_names(inputs).replace(".tif", "")
            raise RefusedError(422, f"Found an address of '{name}'; expected {expected}, each once.")
        found[named.source], path = named.raster(folder), named.below(folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        fetch(address, config.addresses, left, path)
        left -= path.stat().st_size
    return found


async def _limited(request: Request, most: int) -> AsyncIterator[bytes]:
    stated = request.headers.get("content-length", "0")
    if stated.isdigit() and int(stated) > most:
        raise too_large(f"{stated} bytes are sent", f"{most} bytes")
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise too_large(f"More than {most} bytes are sent", f"{most} bytes")
        yield chunk


def _asked(
    request: Request,
    product: Annotated[str | None, Query(description="Such as classes; the answer itself where left out")] = None,
    format: Annotated[Format | None, Query(description="The first that holds the product where left out")] = None,
    bounds: Annotated[str | None, Query(description="west,south,east,north of the ground that is wanted")] = None,
    crs: Annotated[str | None, Query(description="Of bounds; EPSG:4326 where left out")] = None,
) -> Asked:
    known = ("product", "format", "bounds", "crs")
    for name in request.query_params:
        if name not in known:
            hint = did_you_mean(name, known)
            raise RefusedError(422, f"Found '{name}' in the query; expected {', '.join(known)}.{hint}")
    if crs is not None and bounds is None:
        raise RefusedError(422, "'crs' says what 'bounds' are numbers of, and there are none: name both, or neither.")
    edges = None if bounds is None else _edges(bounds)
    return Asked(product=product, format=format, bounds=edges, crs=crs or "EPSG:4326")


def _edges(bounds: str) -> tuple[float, float, float, float]:
    try:
        west, south, east, north = (float(edge) for edge in bounds.split(","))
    except ValueError as error:
        raise RefusedError(422, f"bounds: expected west,south,east,north as four numbers, found '{bounds}'.") from error
    return west, south, east, north


def _body() -> dict[str, Any]:
    """Return what is said of the body in the description of the server."""
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in _BODIES}
    return {"requestBody": {"content": {**content, "application/json": {"schema": Fetched.model_json_schema()}}}}


def _add_descriptions(app: FastAPI, bundle: Bundle, config: ServingConfig, workers: Workers) -> None:
    page = (Path(__file__).parent / "page.html").read_text("utf-8")
    card = {
        "model": bundle.config.model.title(),
        "weights": fingerprint.of_weights(bundle.weights),
        "inputs": {
            source: spec.model_dump(mode="json", exclude_defaults=True) for source, spec in bundle.config.inputs.items()
        },
        "target": bundle.config.target.model_dump(mode="json", exclude_defaults=True),
        "products": products_of(bundle),
        "provenance": bundle.config.provenance,
        "limits": config.model_dump(mode="json", include={"max_bytes", "max_pixels", "max_waiting", "timeout_s"}),
    }

    @app.get("/", include_in_schema=False)
    async def show() -> HTMLResponse:
        policy = "default-src 'none'; img-src blob: data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        headers = {"Content-Security-Policy": f"{policy}connect-src 'self'"}
        return HTMLResponse(page, headers=headers)

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Say that the server is there."""
        return {"status": "ok"}

    @app.get("/ready")
    async def ready() -> JSONResponse:
        """Say whether the next request would be taken: 200, or 503."""
        return JSONResponse({"under_way": workers.taken}, 503 if workers.is_full else 200)

    @app.get("/metrics")
    async def metrics() -> PlainTextResponse:
        """Return counts for Prometheus."""
        return PlainTextResponse(workers.metrics(), media_type="text/plain; version=0.0.4")

    @app.get("/model")
    async def model() -> dict[str, Any]:
        """Say what the model reads and gives, and what the server takes."""
        return card
