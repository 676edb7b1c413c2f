"""Reading pictures, to time: from files to batches, as training reads them."""

import itertools

from paddle_alexnet.benchmark.inputs import Case
from paddle_alexnet.config.schema import AugmentConfig
from paddle_alexnet.data.batches import TrainingBatches
from paddle_alexnet.data.dataset import AugmentedDataset, ImageFiles, MemoryCache
from paddle_alexnet.data.decode import read_image
from paddle_alexnet.data.flower_folder import FlowerFolder
from paddle_alexnet.data.folder import Listing
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.data.transforms import build_augmentation

CACHE_BYTES = 2**36  # room for all
# (data.workers, data.cache); memory is for one process.
FORMS = ((0, "none"), (1, "none"), (2, "none"), (0, "ram"))


def reader_cases(listing: Listing, preprocessing: Preprocessing, batch: int) -> dict[str, Case]:
    """An epoch over all pictures for each number of processes and each way to keep pictures.

    Pictures are decoded, changed as the defaults of ``augment`` say, and collected into batches.
    An epoch begins with starting its processes, as in training.

    Args:
        listing: The pictures; all splits are read.
        preprocessing: Of a net.
        batch: Pictures a batch.
    """
    cases = {}
    for workers, cache in FORMS:
        read = MemoryCache(CACHE_BYTES) if cache == "ram" else read_image
        batches = TrainingBatches(
            FlowerFolder(listing, "all", read=read),
            build_augmentation(AugmentConfig(), preprocessing),
            batch_size=batch,
            workers=workers,
        )
        cases[f"workers {workers}, cache {cache}"] = _epochs(batches)
    return cases


def reader_view(listing: Listing, preprocessing: Preprocessing) -> AugmentedDataset:
    """What the cases read, picture by picture: for another library's loader."""
    pictures = ImageFiles(listing.select("all"))
    return AugmentedDataset(pictures, build_augmentation(AugmentConfig(), preprocessing), 0)


def _epochs(batches: TrainingBatches) -> Case:
    """Each call reads the next epoch; gives how many pictures that were."""
    epochs = itertools.count()
    return lambda: sum(len(images) for images, _ in batches.epoch(next(epochs)))
