"""Exports fixtures/pipelines/sd1 to ONNX graphs with the names and shapes that Optimum gives them.

packages/backend-local/fixtures/onnx/sd1/ has a folder a network, with model.onnx and config.json: the text encoder (int32 ids, every
hidden state), the UNet (whose timestep is an int64 scalar, and whose weights lie beside the graph), the VAE's halves. `unet_half` is the
UNet whose ports and weights are float16. What they make is what diffusers makes of the same weights: pipelines/sd1.safetensors.

    python tools/oracle/onnx_folder.py
"""

import shutil
from pathlib import Path

import onnx
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel

ROOT = Path(__file__).parents[2] / "packages/backend-local/fixtures"
MODEL, OUT = ROOT / "pipelines/sd1", ROOT / "onnx/sd1"


class Text(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids):
        result = self.model(input_ids=input_ids, output_hidden_states=True)
        return (result.last_hidden_state, result.pooler_output, *result.hidden_states)


class Encoder(torch.nn.Module):
    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, sample):
        return self.vae.quant_conv(self.vae.encoder(sample))


class Decoder(torch.nn.Module):
    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, latent_sample):
        return self.vae.decoder(self.vae.post_quant_conv(latent_sample))


class UNet(torch.nn.Module):
    def __init__(self, unet):
        super().__init__()
        self.unet = unet

    def forward(self, sample, timestep, encoder_hidden_states):
        return self.unet(sample, timestep, encoder_hidden_states, return_dict=False)[0]


def export(name, module, inputs, outputs, dynamic, config, apart=False):
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.onnx"
    torch.onnx.export(
        module.eval(), tuple(inputs.values()), path, input_names=list(inputs), output_names=outputs,
        dynamic_axes=dynamic, opset_version=17, dynamo=False, do_constant_folding=True,
    )  # fmt: skip
    if apart:
        graph = onnx.load(path)
        path.unlink()
        onnx.save(graph, path, save_as_external_data=True, all_tensors_to_one_file=True, location="model.onnx_data", size_threshold=64)
    shutil.copy(config, folder / "config.json")
    print(name, sum(file.stat().st_size for file in folder.iterdir()))


@torch.no_grad()
def main():
    shutil.rmtree(OUT, ignore_errors=True)
    load = dict(torch_dtype=torch.float32, local_files_only=True)
    text = CLIPTextModel.from_pretrained(MODEL / "text_encoder", dtype=torch.float32, attn_implementation="eager")
    unet = UNet2DConditionModel.from_pretrained(MODEL / "unet", **load)
    vae = AutoencoderKL.from_pretrained(MODEL / "vae", **load)
    for network in (unet, vae):
        network.set_default_attn_processor()
    states = [f"hidden_states.{i}" for i in range(text.config.num_hidden_layers + 1)]
    export(
        "text_encoder", Text(text), {"input_ids": torch.zeros(2, 77, dtype=torch.int32)}, ["last_hidden_state", "pooler_output", *states],
        {"input_ids": {0: "batch_size", 1: "sequence_length"}}, MODEL / "text_encoder/config.json",
    )  # fmt: skip
    sides = {0: "batch_size", 2: "height", 3: "width"}
    inputs = {
        "sample": torch.randn(2, 4, 8, 8), "timestep": torch.tensor(981), "encoder_hidden_states": torch.randn(2, 77, text.config.hidden_size)
    }  # fmt: skip
    axes = {"sample": sides, "encoder_hidden_states": {0: "batch_size", 1: "sequence_length"}, "out_sample": sides}
    export("unet", UNet(unet), inputs, ["out_sample"], axes, MODEL / "unet/config.json", apart=True)
    export("vae_encoder", Encoder(vae), {"sample": torch.randn(1, 3, 64, 64)}, ["latent_parameters"], {"sample": sides}, MODEL / "vae/config.json")
    export("vae_decoder", Decoder(vae), {"latent_sample": torch.randn(1, 4, 8, 8)}, ["sample"], {"latent_sample": sides}, MODEL / "vae/config.json")
    halves = {name: value.half() if value.is_floating_point() else value for name, value in inputs.items()}
    export("unet_half", UNet(unet.half()), halves, ["out_sample"], axes, MODEL / "unet/config.json")


if __name__ == "__main__":
    main()
