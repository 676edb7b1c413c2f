"""Reading pictures, to time: from files to batches, as training reads them."""

import itertools
from pathlib import Path

from paddle_alexnet.benchmark.inputs import Case
from paddle_alexnet.config.schema import AugmentConfig
from paddle_alexnet.data.batches import TrainingBatches
from paddle_alexnet.data.cache import open_cache
from paddle_alexnet.data.dataset import AugmentedDataset, ImageSamples
from paddle_alexnet.data.flower_folder import FlowerFolder
from paddle_alexnet.data.folder import Listing
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.data.sources import training_transform

CACHE_GIB = 64.0  # room for all
# (data.workers, data.cache); memory is for one process.
FORMS = ((0, "none"), (1, "none"), (2, "none"), (0, "ram"), (0, "disk"), (1, "disk"), (2, "disk"))


def reader_cases(
    listing: Listing, preprocessing: Preprocessing, batch: int, folder: Path
) -> dict[str, Case]:
    """An epoch over all pictures for each number of processes and each way to keep pictures.

    Pictures are decoded, changed as the defaults of ``augment`` say, and collected into batches.
    An epoch begins with starting its processes, as in training.

    Args:
        listing: The pictures; all splits are read.
        preprocessing: Of a net.
        batch: Pictures a batch.
        folder: For kept pictures.
    """
    cases = {}
    for workers, cache in FORMS:
        read = open_cache(cache, CACHE_GIB, str(folder))
        batches = TrainingBatches(
            FlowerFolder(listing, "all", read=read),
            training_transform(AugmentConfig(), preprocessing),
            batch_size=batch,
            workers=workers,
        )
        cases[f"workers {workers}, cache {cache}"] = _epochs(batches)
    return cases


def reader_view(listing: Listing, preprocessing: Preprocessing) -> AugmentedDataset:
    """What the cases read, picture by picture: for another library's loader."""
    pictures = ImageSamples(listing.select("all"))
    return AugmentedDataset(pictures, training_transform(AugmentConfig(), preprocessing), 0)


def _epochs(batches: TrainingBatches) -> Case:
    """Each call reads the next epoch; gives how many pictures that were."""
    epochs = itertools.count()
    return lambda: sum(len(images) for images, _ in batches.epoch(next(epochs)))
