"""The model card of a run: Hugging Face's metadata, and what a reader must know, from the run."""

from __future__ import annotations

from pathlib import Path

from jaxcxr.files import atomic_path
from jaxcxr.reporting import data_facts, model_facts, result_facts
from jaxcxr.reporting.card_metadata import metadata_of
from jaxcxr.reporting.cohort_tables import demographics, findings
from jaxcxr.reporting.document import Block, Bullets, Code, Heading, Paragraph
from jaxcxr.reporting.fact import AUTHOR, NOT_RECORDED, Fact
from jaxcxr.reporting.licence import licence_of
from jaxcxr.reporting.markdown import markdown
from jaxcxr.reporting.result_tables import elsewhere, performance, robustness, subgroups
from jaxcxr.reporting.run_record import RunRecord

_NOT_A_DEVICE = (
    "This is a research model and not a medical device. It is not approved for any use in care, "
    "and no decision about a patient may rest on it."
)
# Runs where the files lie; nothing from outside is put into it.
_LOADING = """\
import jax.numpy as jnp
import numpy as np
from jaxcxr.model import load, read_header
from jaxcxr.config import stored_config
from jaxcxr.run.pixels import pixel_statistics, to_model_input
from jaxcxr.inference.image_files import read_images
import json
from pathlib import Path

config = stored_config(json.loads(Path("config.json").read_text()), "config.json")
provenance = read_header("model.safetensors").provenance
model = load("model.safetensors", image_size=config.image_size)
files = [Path("radiograph.png")]  # PNG, JPEG or DICOM
found = read_images(files, provenance["recipe"], config.image_size, [])
pixels = np.stack([image for _, image in found])
mean, std = pixel_statistics(config)
logits, _ = model(to_model_input(jnp.asarray(pixels), mean, std))
print(dict(zip(provenance["labels"], logits[0].tolist())))"""


def write_card(path: Path, run: RunRecord) -> None:
    """Write the card whole.

    Args:
      path: to write, `README.md` on Hugging Face.
      run: read without its data, so that the card says the same wherever it is made.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(card_text(run), encoding="utf-8")


def card_text(run: RunRecord) -> str:
    """Write a run's card as Markdown under its metadata."""
    return f"---\n{metadata_of(run).to_yaml()}\n---\n\n{markdown(card_blocks(run))}"


def card_blocks(run: RunRecord) -> list[Block]:
    """Compose the card's text."""
    blocks: list[Block] = [
        Heading(f"{run.name}: findings on chest radiographs", 1),
        Paragraph(_NOT_A_DEVICE),
        *_facts(run, "Model", ("method", "model", "initialization", "output")),
        *_facts(run, "Licence", ()),
        Paragraph(licence_of(run.provenance).sentence),
        Paragraph(
            f"{AUTHOR} whether the terms of {data_facts.dataset_name(run)}, which it learnt from, "
            "allow these weights to be given away."
        ),
        *_facts(run, "Training data", ("source", "preprocessing", "subset", "reference")),
        *_facts(run, "Training", ("training", "selection", "software")),
        *_facts(run, "Evaluation", ("internal", "external", "uncertainty")),
        performance(run),
    ]
    blocks += [grid for grid in (*elsewhere(run), robustness(run)) if grid is not None]
    blocks += [demographics(run), findings(run), *_facts(run, "Subgroups", ("subgroups",))]
    blocks += [grid for grid in (subgroups(run),) if grid is not None]
    blocks += [
        Heading("Limits"),
        Bullets(
            (
                _NOT_A_DEVICE,
                *result_facts.limitations(run),
                f"{AUTHOR} limits that no file can show, and uses that are out of scope.",
            )
        ),
        Heading("How to load it"),
        Paragraph("With jaxcxr installed, in a folder with the files of this repository:"),
        Code(_LOADING, "python"),
        Paragraph(
            "Logits are in the order of the labels. python -m jaxcxr.predict calibrates them and "
            "calls findings; python -m jaxcxr.export writes a file that needs none of jaxcxr."
        ),
    ]
    return blocks


def _facts(run: RunRecord, title: str, names: tuple[str, ...]) -> list[Block]:
    every = data_facts.FACTS | model_facts.FACTS | result_facts.FACTS
    blocks: list[Block] = [Heading(title)]
    for name in names:
        answer = every[name](run)
        known = isinstance(answer, Fact)
        blocks.append(Paragraph(answer.text if known else f"{NOT_RECORDED} {answer.text}."))
    return blocks
