"""The engine that compute settings ask for."""

from finegold.engines.devices import Compute, parse_actors, parse_devices
from finegold.engines.processes import DeviceProcesses
from finegold.engines.work import Engine, ThisProcess
from finegold.run import Shard


def choose_engine(compute: Compute) -> Engine:
    """The engine of these settings; starts nothing.

    Raises:
        ConfigError: If torch does not have one of the devices, or the shard has another form.
        MissingExtraError: If Ray is asked for and not installed.
    """
    engine = _engine(compute)
    engine.shard = Shard.parse(compute.shard)
    return engine


def _engine(compute: Compute) -> Engine:
    if compute.engine == "ray":
        from finegold.engines.ray_cluster import RayCluster

        return RayCluster(compute, *parse_actors(compute.devices))
    if compute.devices is not None:
        return DeviceProcesses(compute, parse_devices(compute.devices))
    return ThisProcess(compute)
