"""From a name such as `timm:NAME` to a file, through the library that owns the name."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from convert.beside import CONFIG, PREPROCESSOR
from convert.checkpoints import find_checkpoint
from jaxcxr.errors import InputError

OWNERS = ("timm", "hf", "dinov2")


def locate(source: str) -> tuple[Path, str | None]:
    """Return the file of a source and, where a name says it, its row of the table.

    Args:
      source: a path; or `timm:NAME`, `hf:REPOSITORY`, `dinov2:NAME`, which are downloaded (once:
        the libraries keep what they fetched).

    Raises:
      InputError: the name is unknown to its library, or there is no network.
    """
    owner, colon, name = source.partition(":")
    if not colon or owner not in OWNERS or Path(source).exists():
        return Path(source), None
    row = find_checkpoint(name)
    checkpoint = row.name if row else None
    if owner == "dinov2":
        return _from_dinov2(name, checkpoint), checkpoint
    return _from_hub(source, f"timm/{name}" if owner == "timm" else name), checkpoint


def _from_hub(source: str, repository: str) -> Path:
    """Prefer safetensors, whole or sharded; some repositories have only a torch file."""
    try:
        from huggingface_hub import hf_hub_download, snapshot_download
        from huggingface_hub.errors import EntryNotFoundError
    except ImportError:
        raise InputError(
            f"{source}: downloading needs huggingface_hub; pip install 'jaxcxr[convert]'"
        ) from None
    try:
        # What says more of the model than its weights do comes with them.
        for name in (CONFIG, PREPROCESSOR):
            with suppress(EntryNotFoundError):
                hf_hub_download(repository, name)
        try:
            return Path(hf_hub_download(repository, "model.safetensors"))
        except EntryNotFoundError:
            patterns = ["*.safetensors", "*.safetensors.index.json", "pytorch_model.bin"]
            return Path(snapshot_download(repository, allow_patterns=patterns))
    except Exception as error:
        raise InputError(
            f"{source}: cannot download {repository} ({_first_line(error)}); check the name, the "
            "network and your access, or download it elsewhere and give the file"
        ) from None


def _from_dinov2(name: str, checkpoint: str | None) -> Path:
    if checkpoint != name or name.startswith("dinov3"):
        raise InputError(
            f"dinov2:{name}: DINOv2 offers dinov2_vits14, dinov2_vitb14, dinov2_vitl14, each also "
            "with _reg4; DINOv3 is gated: download it from its page and give the file"
        )
    from convert.torch_pair import prepare_torch

    prepare_torch()
    import torch

    folder = name.removesuffix("_reg4")
    url = f"https://dl.fbaipublicfiles.com/dinov2/{folder}/{name}_pretrain.pth"
    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, str(file))
        except Exception as error:
            raise InputError(
                f"dinov2:{name}: cannot download {url} ({_first_line(error)}); check the network, "
                "or download it elsewhere and give the file"
            ) from None
    return file


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
