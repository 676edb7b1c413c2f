"""Telling whether pictures are still those that a run started with."""

import hashlib
import json
import os

from paddle_alexnet.data.listing import Listing


def digest(listing: Listing) -> str:
    """A hash of classes, splits, labels, and names below the root, in order; and of content.

    It is the same where the root is moved. Of the content that :func:`list_images` read, every bit
    counts; pictures of list files are not read, so of them the names alone.
    """
    head = [listing.classes, {split: len(part) for split, part in listing.splits.items()}]
    whole = hashlib.sha256(json.dumps(head).encode("ascii") + b"\0")
    root = os.path.join(listing.root, "")
    for samples in listing.splits.values():
        # A zero is in no name, so no two listings give the same bytes.
        text = "".join(f"{label}\0{path.removeprefix(root)}\0" for path, label in samples)
        whole.update(os.fsencode(text.replace(os.sep, "/")))
    whole.update(listing.contents)
    return whole.hexdigest()
