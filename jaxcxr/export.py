"""The whole model of a run in one file that needs none of this package.

    python -m jaxcxr.export --run DIR --out FILE [--format stablehlo|onnx|timm|hf]

Beside FILE lies FILE.json: labels, how to prepare an image, calibration, thresholds, test AUC. The
file is compared with the run on images before it is kept. The page docs/using_a_run.md reloads it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from jaxcxr.errors import report_input_errors
from jaxcxr.terminal import say


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m jaxcxr.export",
        description="The whole model of a run in one file that needs none of this package.",
    )
    parser.add_argument("--run", type=Path, required=True, help="directory of a run")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="NAME.stablehlo, NAME.onnx, NAME.safetensors (timm) or FOLDER/model.safetensors (hf)",
    )
    parser.add_argument(
        "--format",
        choices=("stablehlo", "onnx", "timm", "hf"),
        default="stablehlo",
        help="the last three need pip install 'jaxcxr[export]' (default: stablehlo)",
    )
    parser.add_argument(
        "--images",
        type=Path,
        nargs="+",
        help="files or folders to compare on (some of the run's validation split)",
    )
    options = parser.parse_args(arguments)
    with report_input_errors():
        from jaxcxr.use.exporting import TOLERANCE, export_run

        card, compared = export_run(options.run, options.out, options.format, options.images)
        width = max(5, *(len(one.label) for one in card))
        say(f"largest differences from the run on {compared.images} images")
        say(f"{'label':{width}}  {'logit':>9}  {'sigmoid':>9}  {'calibrated':>10}")
        rows = zip(card, compared.logit, compared.probability, compared.calibrated, strict=True)
        for one, logit, probability, calibrated in rows:
            say(f"{one.label:{width}}  {logit:9.1e}  {probability:9.1e}  {calibrated:10.1e}")
        if compared.own_dtype:
            say(
                "compared with the run's weights in float32, in which the file computes; the run's "
                f"own dtype alone moves a probability by up to {compared.own_dtype:.1e}"
            )
        say(
            f"equal within {TOLERANCE:g}; wrote {options.out} and {options.out.name}.json beside it"
        )


if __name__ == "__main__":
    main()
