"""Flink launcher: configuration, memory and options, without starting a JVM."""

from pathlib import Path

import pytest

from local.kubelet import flink, flink_memory
from local.kubelet.images import resolve, split
from local.kubelet.launch import ImageProblem, Request, StartProblem

MIB = 2**20


def request(tmp_path, *args, env=None, command=(), paths=None, kubeconfig=None):
    folder = tmp_path / "container"
    folder.mkdir(exist_ok=True)
    return Request(
        command,
        args,
        env or {},
        paths or {},
        folder,
        folder / "message",
        "pod-1",
        "127.64.0.9",
        tmp_path / "hosts",
        kubeconfig,
    )


@pytest.fixture
def home(tmp_path):
    """A Flink of one jar."""
    (tmp_path / "flink" / "lib").mkdir(parents=True)
    (tmp_path / "flink" / "lib" / "flink-dist.jar").touch()
    return flink.Home("2.3.0", tmp_path / "flink", tmp_path / "cache")


def written(launch):
    folder = Path(launch.argv[launch.argv.index("--configDir") + 1])
    (file,) = (path for path in folder.iterdir() if path.suffix == ".yaml")
    return file.name, flink.parse_properties(file.read_text())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("flink:2.3.0", ("flink", "2.3.0")),
        ("registry:5000/a/flink:1.20@sha256:abc", ("flink", "1.20")),
        ("flink", ("flink", "latest")),
    ],
)
def test_image_names_are_taken_apart(name, expected):
    assert split(name) == expected


@pytest.mark.parametrize("name", ["flink", "flink:latest", "acme/jobs:1", "notflink:2.3.0"])
def test_images_that_cannot_be_are_refused(name):
    with pytest.raises(ImageProblem):
        resolve(name, {})


def test_variables_become_configuration(home, tmp_path):
    """Like the image's entrypoint: FLINK_PROPERTIES over variables, -D over both, the pod's address over all."""
    env = {
        "JOB_MANAGER_RPC_ADDRESS": "jobmanager-words",
        "TASK_MANAGER_NUMBER_OF_TASK_SLOTS": "4",
        "FLINK_PROPERTIES": "# comment\nblob.server.port: 7000\n  state.backend.type : hashmap \n"
        "rest.bind-address: 0.0.0.0\n",
    }
    arguments = ["taskmanager", "-D", "blob.server.port=7001", "-Dtaskmanager.bind-host=0.0.0.0", "--other"]
    launch = flink.launch(home, request(tmp_path, *arguments, env=env))
    name, properties = written(launch)
    assert name == "config.yaml"
    assert launch.argv[-1] == "--other"
    expected = {
        "jobmanager.rpc.address": "jobmanager-words",
        "taskmanager.numberOfTaskSlots": "4",
        "taskmanager.cpu.cores": "4",
        "blob.server.port": "7001",
        "query.server.port": "6125",
        "state.backend.type": "hashmap",
        **dict.fromkeys(("rest.bind-address", "taskmanager.bind-host", "taskmanager.host"), "127.64.0.9"),
    }
    assert expected.items() <= properties.items()


def test_flink_reaches_the_api_where_its_pod_wants_it(home, tmp_path):
    """Its high availability on Kubernetes asks KUBECONFIG."""
    config = tmp_path / "config"
    assert flink.launch(home, request(tmp_path, "jobmanager", kubeconfig=config)).env["KUBECONFIG"] == str(config)
    assert "KUBECONFIG" not in flink.launch(home, request(tmp_path, "jobmanager")).env


def test_old_versions_have_the_old_file(home, tmp_path):
    name, properties = written(flink.launch(home._replace(version="1.18.1"), request(tmp_path, "jobmanager")))
    assert name == "flink-conf.yaml"
    assert properties["jobmanager.rpc.address"] == "127.64.0.9"


def test_a_mounted_configuration_is_used_as_it_is(home, tmp_path):
    """Without the variables, but on the pod's address."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "config.yaml").write_text("jobmanager:\n  rpc: {address: mounted}\nrest.port: 9000\na: true\n")
    env, paths = {"FLINK_PROPERTIES": "rest.port: 1\n"}, {"/opt/flink/conf": tmp_path / "conf"}
    _, properties = written(flink.launch(home, request(tmp_path, "jobmanager", env=env, paths=paths)))
    expected = {
        "jobmanager.rpc.address": "mounted",
        "rest.port": "9000",
        "a": "true",
        "rest.bind-address": "127.64.0.9",
    }
    assert expected.items() <= properties.items()


def test_other_words_are_a_command(home, tmp_path):
    """As the image's entrypoint runs them."""
    assert flink.launch(home, request(tmp_path, "sh", "-c", "true")).argv == ["sh", "-c", "true"]
    entrypoint = request(tmp_path, "jobmanager", command=["/docker-entrypoint.sh"])
    assert "StandaloneSessionClusterEntrypoint" in " ".join(flink.launch(home, entrypoint).argv)


def test_a_user_chooses_another_collector(home, tmp_path):
    """Then ours is left out, as is the archive that would not fit."""
    env = {"FLINK_PROPERTIES": "env.java.opts.all: -XX:+UseG1GC -Da='b c'\n"}
    argv = flink.launch(home, request(tmp_path, "jobmanager", env=env)).argv
    assert "-XX:+UseG1GC" in argv and "-Da=b c" in argv
    assert not {"-XX:+UseSerialGC"} & set(argv)
    assert not any("SharedArchiveFile" in word or "DumpLoadedClassList" in word for word in argv)


def test_classes_are_listed_once_and_never_archived_too_early(home, tmp_path):
    """A second TaskManager that starts at once neither writes the list again nor makes an archive of half a list."""
    first, second, third = (
        " ".join(flink.launch(home, request(tmp_path, role)).argv)
        for role in ("jobmanager", "taskmanager", "taskmanager")
    )
    assert "DumpLoadedClassList" in first and "DumpLoadedClassList" in second
    assert "DumpLoadedClassList" not in third and "SharedArchiveFile" not in third


@pytest.mark.parametrize(
    ("text", "expected"), [("1024", 1024), ("1k", 1024), ("64m", 64 * MIB), ("2 GB", 2048 * MIB), ("10b", 10)]
)
def test_sizes_are_read(text, expected):
    assert flink_memory.size(text) == expected


@pytest.mark.parametrize("text", ["", "m", "1.5g", "1 foo"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="not a memory size"):
        flink_memory.size(text)


def test_memory_is_small_by_default():
    """And every component is told to Flink, with the JVM's limits to match."""
    memory = flink_memory.task_manager({})
    assert sum(memory) < 512 * MIB
    assert memory.jvm()[0] == f"-Xmx{128 * MIB}"
    assert len(memory.properties()) == 10


def test_a_configured_total_is_divided_as_flink_does():
    """The example of Flink's documentation for 1728m: 384m task heap, 512m managed, 128m network."""
    memory = flink_memory.task_manager({"taskmanager.memory.process.size": "1728m"})
    sizes = [round(value / MIB) for value in memory]
    assert sizes == [128, 384, 128, 0, 512, 128, 256, 192]


def test_a_configured_component_wins():
    given = {"taskmanager.memory.task.heap.size": "200m", "taskmanager.memory.network.min": "8m"}
    memory = flink_memory.task_manager(given)
    assert (memory.task_heap, memory.network) == (200 * MIB, 8 * MIB)


def test_a_jobmanager_gets_the_heap_of_its_total():
    """1600m gives 1024m, as in Flink's documentation."""
    assert flink_memory.job_manager({"jobmanager.memory.process.size": "1600m"})[0] == f"-Xmx{1024 * MIB}"


@pytest.mark.parametrize("role", ["jobmanager", "taskmanager"])
def test_a_total_that_is_too_small_is_a_start_error(home, tmp_path, role):
    env = {"FLINK_PROPERTIES": f"{role}.memory.process.size: 300m\n"}
    with pytest.raises(StartProblem, match="less than the sum"):
        flink.launch(home, request(tmp_path, role, env=env))
