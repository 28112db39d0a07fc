"""Writes transformers of flow_families.py in their authors' naming and ComfyUI's quantised layouts, with diffusers' pictures over the same weights as
the formats' references dequantise them: packages/backend-local/fixtures/flow-files/<model>-<format>.safetensors.br, quantised.safetensors.

    python tools/oracle/flow_quantised.py
"""

import flow_names
import numpy as np
import torch
from diffusers.loaders import single_file_utils as single_file
from families import FOLDER
from flow_families import OURS, PROMPT
from flow_files import FIXTURES, PREFIX, state, write
from quantised import fp8_mixed, int8_convrot
from safetensors.torch import save_file
from saved import load

#: model: (its names, back to diffusers', pipeline, call, format)
MODELS = {
    "krea2": (flow_names.krea2, single_file.convert_krea2_transformer_checkpoint_to_diffusers, "Krea2Pipeline", dict(guidance_scale=0.0), int8_convrot),
    "flux3": (flow_names.flux3, single_file.convert_flux3_transformer_checkpoint_to_diffusers, "Flux3Pipeline", {}, fp8_mixed),
}


@torch.no_grad()
def main():
    import diffusers

    pictures = {}
    for model, (rename, back, kind, call, quantise) in MODELS.items():
        own = {PREFIX + key: value.float() for key, value in rename(state(model, "transformer")).items()}
        chosen = {key: value for key, value in own.items() if value.dim() == 2 and value.shape[1] % 16 == 0 and "blocks." in key and "txtfusion" not in key}
        stored, plain = quantise(chosen)
        rest = {key: value.bfloat16() for key, value in own.items() if key not in chosen}
        write(f"{model}-{quantise.__name__}", {**rest, **stored})
        pipeline = load(OURS.get(kind) or getattr(diffusers, kind), FOLDER / model)
        names = {key.removeprefix(PREFIX): value.float() for key, value in {**rest, **plain}.items()}
        pipeline.transformer.load_state_dict(back(names))
        result = pipeline(
            prompt=PROMPT, **call, width=64, height=64, num_inference_steps=4, generator=torch.Generator().manual_seed(7), output_type="np"
        ).images[0]  # fmt: skip
        print(model, len(chosen), result.mean(), result.std())
        pictures[model] = torch.from_numpy(np.ascontiguousarray((result * 255).round().astype(np.uint8)))
    save_file(pictures, FIXTURES / "flow-files/quantised.safetensors")


if __name__ == "__main__":
    main()
