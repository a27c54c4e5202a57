"""Layer-level power prediction: learns the watts of blocks that were metered, prices those too short to meter.

After EALI (Yao et al. 2022, Neurocomputing 507). scikit-learn is loaded only when a regressor that needs it is fitted.
"""

from joulecut_planner.block_power.cross_validation import CrossValidation, WholeErrors, cross_validate
from joulecut_planner.block_power.model import BlockPowerModel, fit_block_power
from joulecut_planner.block_power.model_file import load_block_power, save_block_power
from joulecut_planner.block_power.prices import BlockPrices, PricedPoint, block_prices
from joulecut_planner.block_power.regressors import CANDIDATES, Candidate, Regressor
from joulecut_planner.block_power.rows import FeatureSet
from joulecut_planner.block_power.scores import Scores

__all__ = [
    "CANDIDATES",
    "BlockPowerModel",
    "BlockPrices",
    "Candidate",
    "CrossValidation",
    "FeatureSet",
    "PricedPoint",
    "Regressor",
    "Scores",
    "WholeErrors",
    "block_prices",
    "cross_validate",
    "fit_block_power",
    "load_block_power",
    "save_block_power",
]
