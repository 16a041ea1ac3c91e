"""Which engine trains: Gluon, the fused kernels of this processor, or those of a GPU."""

import logging

from odyssey.engines.training import Model
from odyssey.networks.cells import Cell, has_kernels
from odyssey.networks.spec import Device, Kernels, NetworkSpec, UpdateRule

log = logging.getLogger(__name__)
_told: set[str] = set()


def new_model(
    spec: NetworkSpec, rule: UpdateRule, chosen: Kernels = "fused", device: Device = "cpu"
) -> Model:
    """Return a network with its update rule: on the fused kernels or on plain Gluon.

    Cells that the kernels don't know train on Gluon, which the log says once of each. Raises
    KernelError or GpuError where the kernels can't be built or can't run.
    """
    used = kernels_for(spec.variant, chosen, device)
    if used != chosen and spec.variant.code not in _told:
        _told.add(spec.variant.code)
        whose = "GPU" if device == "gpu" else "fused"
        code = spec.variant.code
        log.warning("the %s kernels don't know the cell %s: Gluon trains it", whose, code)
    if device == "gpu":
        return _on_gpu(spec, rule, used)
    if used == "gluon":
        from odyssey.engines.gluon.model import GluonModel

        return GluonModel(spec, rule)
    from odyssey.engines.fused.model import FusedModel

    return FusedModel(spec, rule)


def kernels_for(cell: Cell, chosen: Kernels, device: Device = "cpu") -> Kernels:
    """Return what can train a cell on a device: the kernels that were chosen, or Gluon."""
    return chosen if has_kernels(cell, device) else "gluon"


def kernels_here(cell: Cell, chosen: Kernels, device: Device = "cpu") -> str:
    """Return what computes on this processor, for the record: the same bits have the same name."""
    chosen = kernels_for(cell, chosen, device)
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
