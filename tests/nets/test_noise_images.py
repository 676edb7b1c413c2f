"""Noise with the spectrum of photos."""

import numpy as np

from paddle_alexnet.nets.activation_statistics import pink_noise


def test_amplitude_falls_as_one_over_frequency():
    images = pink_noise(24, 64, 0).astype(float)
    power = (np.abs(np.fft.fft2(images, axes=(1, 2))) ** 2).mean(axis=(0, 3))
    frequency = np.arange(2, 20)
    slope = np.polyfit(np.log(frequency), np.log(power[frequency, 0]), 1)[0]
    assert -2.2 < slope < -1.8  # of power


def test_range_and_seed():
    images = pink_noise(3, 16, 1)
    assert images.shape == (3, 16, 16, 3)
    assert images.dtype == np.uint8
    assert (images.min(axis=(1, 2, 3)) == 0).all()
    assert (images.max(axis=(1, 2, 3)) == 255).all()
    assert (images == pink_noise(3, 16, 1)).all()
    assert (images != pink_noise(3, 16, 2)).any()
