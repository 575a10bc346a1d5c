"""What `fmnist parity --layers` says, for people."""

from __future__ import annotations

from fmnist.parity.layers import LayerDrift, ModelDrift
from fmnist.text.tables import ABSENT, table


def layers_text(drift: ModelDrift) -> str:
    """One model's layers beside the original's, and the first that drifts."""
    rows = [[layer.layer, layer.kind, *_figures(layer)] for layer in drift.layers]
    least = f"{drift.least_snr_db:g} dB is the least expected"
    first = drift.first
    verdict = "no layer drifts"
    if first and first.similarity:
        verdict = f"first layer that drifts: {first.layer} (SNR {first.similarity.snr_db:.1f} dB; {least})"
    title = f"layers of {drift.name} on the first {drift.images} test images; {least}"
    header = ["layer", "kind", "SNR dB", "max diff", "cosine"]
    return "\n".join([title, "", table(header, rows, left=2), verdict])


def _figures(layer: LayerDrift) -> list[str]:
    if layer.similarity is None:
        return ["fused", ABSENT, ABSENT]
    like = layer.similarity
    return [f"{like.snr_db:.1f}", f"{like.max_difference:.2g}", f"{like.cosine:.6f}"]
