"""A thin Kubernetes client on requests: dicts in, dicts out, own exceptions only."""

from clients.kube import resources
from clients.kube.client import KubeClient
from clients.kube.config import Connection, connect
from clients.kube.errors import (
    LASTING,
    AlreadyExists,
    ApiError,
    BadRequest,
    ConfigError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    KubeError,
    NotConfigured,
    NotFound,
    ServerError,
    TooManyRequests,
    Unauthorized,
    Unreachable,
)
from clients.kube.resources import Resource
from clients.kube.watch import Changed, Listed, watch

__all__ = [
    "LASTING",
    "AlreadyExists",
    "ApiError",
    "BadRequest",
    "Changed",
    "ConfigError",
    "Conflict",
    "Connection",
    "Forbidden",
    "Gone",
    "Invalid",
    "KubeClient",
    "KubeError",
    "Listed",
    "NotConfigured",
    "NotFound",
    "Resource",
    "ServerError",
    "TooManyRequests",
    "Unauthorized",
    "Unreachable",
    "connect",
    "resources",
    "watch",
]
