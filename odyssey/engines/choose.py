"""Which engine trains: Gluon, the fused kernels of this processor, or those of a GPU."""

from odyssey.engines.training import Model
from odyssey.networks.spec import Device, Kernels, NetworkSpec, UpdateRule


def new_model(
    spec: NetworkSpec, rule: UpdateRule, chosen: Kernels = "fused", device: Device = "cpu"
) -> Model:
    """Return a network with its update rule: on the fused kernels or on plain Gluon.

    Raises KernelError or GpuError where the kernels can't be built or can't run.
    """
    if device == "gpu":
        return _on_gpu(spec, rule, chosen)
    if chosen == "gluon":
        from odyssey.engines.gluon.model import GluonModel

        return GluonModel(spec, rule)
    from odyssey.engines.fused.model import FusedModel

    return FusedModel(spec, rule)


def kernels_here(chosen: Kernels, device: Device = "cpu") -> str:
    """Return what computes on this processor, for the record: the same bits have the same name."""
    if device == "gpu":
        from odyssey.engines.gpu.device import require

        return f"{chosen}, {require(chosen).name}"
    if chosen == "gluon":
        return chosen
    from odyssey.engines.fused.loader import instruction_set

    return f"{chosen}, {instruction_set()}"


def _on_gpu(spec: NetworkSpec, rule: UpdateRule, chosen: Kernels) -> Model:
    from odyssey.engines.gpu.device import fleet_of, require
    from odyssey.engines.gpu.model import GpuModel

    if chosen == "fused":
        return GpuModel(spec, rule, fleet_of(spec))
    require("gluon")
    from odyssey.engines.gluon.model import GluonModel
    from odyssey.engines.mx import mx

    return GluonModel(spec, rule, context=mx.gpu())
