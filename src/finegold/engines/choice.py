"""The engine that compute settings ask for."""

from finegold.engines.devices import Compute, parse_devices
from finegold.engines.processes import DeviceProcesses
from finegold.engines.work import Engine, ThisProcess


def choose_engine(compute: Compute) -> Engine:
    """The engine of these settings; starts nothing.

    Raises:
        ConfigError: If torch does not have one of the devices.
    """
    if compute.devices is not None:
        return DeviceProcesses(compute, parse_devices(compute.devices))
    return ThisProcess(compute)
