"""Token sequences → one unit vector per text: `RNNLSTMEncoder`.

A recurrent network, trained with Keras on pseudo-labels or labels; numpy at predict
time. Public: `RNNLSTMEncoder`, and `DifferentialPrivacy`, to train it with. Open
`_rnn_lstm_encoder.py` first, then `_network.py` and `_training.py`.
"""

from deepclust.encoding._privacy import DifferentialPrivacy
from deepclust.encoding._rnn_lstm_encoder import RNNLSTMEncoder

__all__ = ["DifferentialPrivacy", "RNNLSTMEncoder"]
