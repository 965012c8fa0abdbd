"""Sample: distributions of codes, fixed or fitted, and draws from them.

Fitted densities follow scikit-learn: settings in the constructor, `fit(z)` returns the density, what was
learned ends in an underscore. `fit` takes a codes table, an array (N, D) of points, or a pair (mean, logvar).
With log variances the codes stand for the aggregate posterior, which is what the decoder was trained on; pass
`codes.mean` to fit the means alone.
"""

from zscape.sample._judging import LabelledJudge
from zscape.sample.by_class import ByClass
from zscape.sample.conformance import check_density
from zscape.sample.empirical import Empirical
from zscape.sample.gaussian import Gaussian, Mixture
from zscape.sample.prior import StandardNormal
from zscape.sample.published import adam
from zscape.sample.quantization import Quantization
from zscape.sample.quantizing import quantize, quantize_by_class
from zscape.sample.recognition import recognised
from zscape.sample.scoring import FrontPoint, front, least_cosine, score
from zscape.sample.selection import representatives
from zscape.sample.storage import load, save
from zscape.sample.tuning import Gradient, Trial, Tuned, tune

__all__ = [
    "ByClass",
    "Empirical",
    "FrontPoint",
    "Gaussian",
    "Gradient",
    "LabelledJudge",
    "Mixture",
    "Quantization",
    "StandardNormal",
    "Trial",
    "Tuned",
    "adam",
    "check_density",
    "front",
    "least_cosine",
    "load",
    "quantize",
    "quantize_by_class",
    "recognised",
    "representatives",
    "save",
    "score",
    "tune",
]
