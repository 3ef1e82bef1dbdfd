"""The mix-in of huggingface_hub around a network; it needs the extra ``hub``, so only uses of the Hub import it."""

from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelHubMixin, hf_hub_download

from cosod.errors import WeightsError
from cosod.models.base import CoSaliencyNetwork
from cosod.models.checkpoints import safetensors_file
from cosod.models.checkpoints.loading import RESULT
from cosod.models.checkpoints.pretrained_folder import model_card, save_pretrained

#: Maximum number of bytes of a file to download. The largest network of the package has a tenth of it.
MAX_BYTES = 4_000_000_000


class HubNetwork(ModelHubMixin):
    """A network with the methods of huggingface_hub's mix-in; a repository holds the weights file of this package.

    Args:
        network: one of the registered networks.
        title: title of the model card, preferably the name of the repository.
        save_options: options of :func:`~cosod.models.checkpoints.pretrained_folder.save_pretrained`.
    """

    def __init__(self, network: CoSaliencyNetwork, title: str | None = None, **save_options: Any):
        self.network = network
        self._title = title
        self._save_options = save_options
        self._hub_mixin_config = None  # otherwise the mix-in writes these arguments to config.json

    def _save_pretrained(self, save_directory: Path) -> None:
        save_pretrained(self.network, save_directory, title=self._title, **self._save_options)

    def generate_model_card(self, *args: Any, **kwargs: Any) -> ModelCard:
        # The default of the mix-in is a template that needs Jinja2.
        return ModelCard(model_card(self.network, self._title or "user/name"))

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **options: Any) -> "HubNetwork":
        # The default of the mix-in would first download and parse a config.json of any size and content. In this
        # package, the weights file contains the configuration.
        return cls._from_pretrained(model_id=str(pretrained_model_name_or_path), **options)

    @classmethod
    def _from_pretrained(cls, *, model_id: str, **options: Any) -> "HubNetwork":
        known = hf_hub_download(model_id, RESULT, dry_run=True, **options)
        if known.file_size is not None and known.file_size > MAX_BYTES:
            raise WeightsError(
                f"{RESULT} of {model_id} has {known.file_size:,} bytes, more than the {MAX_BYTES:,} that are fetched; "
                "download it yourself and give its folder"
            )
        path = hf_hub_download(model_id, RESULT, **options)
        try:
            return cls(safetensors_file.load(path), title=model_id)
        except WeightsError as error:
            raise WeightsError(f"{RESULT} of {model_id} on the Hub cannot be used: {error}") from error
