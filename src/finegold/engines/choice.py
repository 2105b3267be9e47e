"""The engine that compute settings ask for."""

from finegold.engines.devices import Compute, parse_devices
from finegold.engines.processes import DeviceProcesses
from finegold.engines.work import Engine, ThisProcess
from finegold.run import Shard


def choose_engine(compute: Compute) -> Engine:
    """The engine of these settings; starts nothing.

    Raises:
        ConfigError: If torch does not have one of the devices, or the shard has another form.
    """
    engine: Engine = ThisProcess(compute)
    if compute.devices is not None:
        engine = DeviceProcesses(compute, parse_devices(compute.devices))
    engine.shard = Shard.parse(compute.shard)
    return engine
