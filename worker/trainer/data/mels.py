"""Log-mel features: how loud each band of pitches is, a hundred times a second.  F frames, M bands."""

import numpy as np

BANDS = 40
FRAMES_A_SECOND = 100


def log_mels(samples: np.ndarray, rate: int) -> np.ndarray:
    """(S,) within ±1 → (F, M) natural logarithms of energy; a frame stands for each whole hundredth of a second."""
    import kaldi_native_fbank as fbank  # noqa: PLC0415  most trainers never hear anything

    options = fbank.FbankOptions()
    options.frame_opts.samp_freq = rate
    options.frame_opts.dither = 0.0  # noise would make features a matter of chance
    options.frame_opts.snip_edges = False
    options.mel_opts.num_bins = BANDS
    bank = fbank.OnlineFbank(options)
    bank.accept_waveform(rate, samples.tolist())
    bank.input_finished()
    return np.stack([bank.get_frame(frame) for frame in range(bank.num_frames_ready)] or [np.zeros(BANDS, np.float32)])
