"""What to do about a trouble, by its stable reason: the short form of docs/events.md. Pure."""

from __future__ import annotations

# The reasons of conditions and events that want something of a person; {job} and {ns} are filled in.
ADVICE = {
    "BootstrapFailed": "mend spec.bootstrap; flinkctl logs job/{job} -c bootstrap -n {ns} says more",
    "Failed": "mend the cause, then: flinkctl job start {job} -n {ns}",
    "JobFailed": "mend the cause; flinkctl logs job/{job} -n {ns} has Flink's own words",
    "JobLost": "nothing: it comes back by itself",
    "NoCheckpoint": "look at the job's checkpoints: flinkctl ui job/{job} -n {ns}",
    "Overdue": "look at its pods and events: flinkctl describe job {job} -n {ns}",
    "RecoveryPointUnreadable": "bring the files back, or name others: flinkctl job start {job} --from PATH -n {ns}; "
    "--without-savepoint begins empty",
    "RestartLoop": "mend the cause; flinkctl logs job/{job} -c taskmanager -n {ns} has Flink's own words",
    "RestoreMismatch": "look at the JobManager's log, then: flinkctl job start {job} -n {ns}",
    "RolledBack": "mend the spec, or try it once more: flinkctl job start {job} -n {ns}",
    "SavepointFailed": "mend the directory, or correct spec.savepoint.savepointTargetPath, which stops nothing; "
    "flinkctl job stop {job} --without-savepoint -n {ns} takes none",
    "StartTimedOut": "look for TaskManagers that are missing or crash: flinkctl logs job/{job} -c taskmanager -n {ns}",
    "StateTooOld": "accept the older state: flinkctl job start {job} -n {ns}",
    "StateUnknown": "flinkctl job start {job} --from PATH -n {ns}, or let it begin empty: --without-savepoint",
    "SubmissionFailed": "mend the program, its arguments or flinkConfiguration",
    "SubmissionUnanswered": "it is asked again, main() may take long: flinkctl logs job/{job} -c jobmanager -n {ns}",
    "TasksNotRunning": "look at the exception: flinkctl logs job/{job} -c taskmanager -n {ns}",
    "UpdateNotReady": "look at its exceptions and checkpoints: flinkctl ui job/{job} -n {ns}",
    "UpdateRefused": "mend the spec, or try it in spite of that: flinkctl job start {job} -n {ns}",
}
_ROOT = "give the container's securityContext.runAsUser a number: the image has none, or root; 0 asks for root"
# What kubelet and scheduler say, and what a person does about it.
_PODS = {
    # The local runtime's own words come with the others.
    "is not known on this machine": "correct the image; or give it a folder, in another runtime: "
    "flinkctl local up --image IMAGE=FOLDER",
    "ImagePull": "correct the image, or give its pull secret; the node must reach the registry",
    "ErrImage": "correct the image, or give its pull secret; the node must reach the registry",
    "InvalidImageName": "correct the image's name",
    "Unschedulable": "make room: kubectl describe nodes shows what is free; or ask for less memory and CPU",
    "OOMKilled": "give it more memory: the resources of the pod, or Flink's memory options",
    "runAsNonRoot": _ROOT,
    "non-root policy": _ROOT,
    "StartError": "correct what it says, in flinkConfiguration or the image: it never ran, and has no log",
    "CreateContainerConfigError": "a ConfigMap or Secret that the pod names is not there",
    "Evicted": "the node ran out of room: kubectl describe nodes",
}


def of(reason: str, job: str, namespace: str) -> str:
    return ADVICE.get(reason, "flinkctl describe job {job} -n {ns}").format(job=job, ns=namespace)


def of_pod(trouble: str) -> str:
    """'' when the pod's own log says more."""
    return next((told for word, told in _PODS.items() if word in trouble), "")
