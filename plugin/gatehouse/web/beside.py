"""Work beside the service, for routes: what went wrong, in HTTP."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import HTTPException

from gatehouse.adapters.policy_desk import PolicyDesk
from gatehouse.adapters.side_work import RefusedError, TookTooLongError
from gatehouse.errors import UnavailableError


def run_beside(desk: PolicyDesk, task: Callable[..., Any], about: Any) -> Any:
    """Do a task beside the service, and say in HTTP why it could not be done."""
    try:
        return desk.side.run(task, about)
    except RefusedError as error:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
    except TookTooLongError as error:
        raise HTTPException(HTTPStatus.GATEWAY_TIMEOUT, str(error)) from None
    except UnavailableError as error:
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from None
