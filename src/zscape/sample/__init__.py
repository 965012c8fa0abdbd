"""Sample: distributions of codes, fixed or fitted, and draws from them.

Fitted densities follow scikit-learn: settings in the constructor, `fit(z)` returns the density, what was
learned ends in an underscore. `fit` takes a codes table, an array (N, D) of points, or a pair (mean, logvar).
With log variances the codes stand for the aggregate posterior, which is what the decoder was trained on; pass
`codes.mean` to fit the means alone.
"""

from zscape.sample.conformance import check_density
from zscape.sample.empirical import Empirical
from zscape.sample.gaussian import Gaussian, Mixture
from zscape.sample.prior import StandardNormal
from zscape.sample.representatives import representatives
from zscape.sample.storage import load, save

__all__ = [
    "Empirical",
    "Gaussian",
    "Mixture",
    "StandardNormal",
    "check_density",
    "load",
    "representatives",
    "save",
]
