"""What turns pods into processes on one machine, as a client of the API store."""

from local.kubelet.kubelet import Kubelet
from local.kubelet.status import Backoff

__all__ = ["Backoff", "Kubelet"]
