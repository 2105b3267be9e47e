import os

import pytest

from finegold.engines.devices import Compute, only_gpu, parse_actors, parse_devices, resolve_device
from finegold.errors import ConfigError

torch = pytest.importorskip("torch")


@pytest.fixture
def four_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    # This machine may have none: what torch says of them is all that is read.
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("WORLD_SIZE", raising=False)


@pytest.mark.usefixtures("four_gpus")
@pytest.mark.parametrize(
    ("visible", "device", "left"),
    [
        (None, "auto", "0"),
        (None, "cuda", "0"),
        (None, "cuda:2", "2"),
        ("4,5,6,7", "cuda:1", "5"),
        ("GPU-a,GPU-b,GPU-c,GPU-d", "cuda", "GPU-a"),
    ],
)
def test_one_of_several_gpus_is_left(
    visible: str | None, device: str, left: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    # Set first, so that the test's end takes back what the function sets.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", os.environ.get("CUDA_VISIBLE_DEVICES", ""))
    assert only_gpu(device) == "cuda"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == left


@pytest.mark.usefixtures("four_gpus")
def test_nothing_is_hidden_where_that_would_be_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    assert only_gpu("cpu") == "cpu"
    assert only_gpu("cuda:4") == "cuda:4"
    assert only_gpu("cuda:first") == "cuda:first"
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert only_gpu("cuda") == "cuda"
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    with pytest.raises(ConfigError, match="has used some of its 4 GPUs already"):
        only_gpu("cuda:1")
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_a_device_that_is_not_there_is_told_in_a_sentence() -> None:
    with pytest.raises(ConfigError, match=r"the device 'cuda:99' cannot be used \(.+\): give auto or cpu"):
        resolve_device("cuda:99")


@pytest.mark.parametrize(
    ("text", "devices"),
    [("cpu*3", ("cpu",) * 3), (" cpu , cpu*2 ", ("cpu",) * 3)],
)
def test_devices_of_processes_are_read(text: str, devices: tuple[str, ...]) -> None:
    assert parse_devices(text) == devices


def test_all_means_every_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert parse_devices("all") == ("cuda:0", "cuda:1")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ConfigError, match=r"torch sees no GPU: give a number of processes, as in cpu\*4"):
        parse_devices("all")


@pytest.mark.parametrize(
    "text", ["", "gpu", "cpu*", "cpu*x", "cpu*-1", "cpu*0", "cpu*9999", "cpu,,cpu", "auto", "cpu;cpu"]
)
def test_devices_that_are_none_are_told_what_they_can_be(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^--devices is '"):
        parse_devices(text)


def test_device_and_devices_are_not_given_together() -> None:
    with pytest.raises(
        ConfigError, match=r"--device cpu and --devices cpu\*2 are given: leave one of them out"
    ):
        Compute(device="cpu", devices="cpu*2")


@pytest.mark.parametrize(
    ("text", "actors"),
    [(None, (None, None)), ("all", (None, True)), ("cuda*8", (8, True)), (" cpu * 4 ", (4, False))],
)
def test_actors_are_read(text: str | None, actors: tuple[int | None, bool | None]) -> None:
    assert parse_actors(text) == actors


@pytest.mark.parametrize("text", ["", "cuda:0", "cpu", "cpu*0", "8", "tpu*2"])
def test_actors_that_are_none_are_told_what_they_can_be(text: str) -> None:
    with pytest.raises(ConfigError, match=r"expected with --engine ray a number of actors, such as cuda\*8"):
        parse_actors(text)


def test_an_address_is_for_ray_alone() -> None:
    with pytest.raises(ConfigError, match="--address is for --engine ray"):
        Compute(address="auto")
    with pytest.raises(ConfigError, match="--device cuda is for this computer"):
        Compute(device="cuda", engine="ray")
