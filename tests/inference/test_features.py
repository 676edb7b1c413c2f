"""Features of a layer inside a net."""

import numpy as np
import paddle
import pytest

from paddle_alexnet.errors import ConfigError
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.inference.features import captured_features, last_block, layer_features
from paddle_alexnet.nets.registry import MODELS, build_model
from paddle_alexnet.nets.weights import Description

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)


@pytest.fixture
def classifier(tiny):
    net = build_model(tiny, 3)
    return Classifier(net, Description(tiny, ("a", "b", "c"), MODELS[tiny].preprocessing))


def test_the_last_hidden_layer(classifier):
    assert last_block(classifier.net) == "block7"
    assert last_block(build_model("cifar_18pct", 2, width=0.1)) == "block3"


def test_features_lead_to_the_scores(classifier):
    """In numpy, with the head's weights; dropout, which training mode has, is off."""
    classifier.net.train()
    features = layer_features(classifier, IMAGES, "block7").astype(np.float64)
    assert features.shape == (5, 32)
    head = classifier.net.out_fc
    logits = features @ head.weight.numpy() + head.bias.numpy()
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(classifier.scores_of_inputs(IMAGES), scores, atol=1e-6)
    assert classifier.net.training


def test_feature_maps_become_rows(classifier):
    got = layer_features(classifier, IMAGES, "block1")
    inputs = classifier.normalize(paddle.to_tensor(IMAGES))
    maps = classifier.net.block1(inputs).numpy()
    np.testing.assert_array_equal(got, maps.reshape(5, -1))


@pytest.mark.parametrize("layer", ["block8", "", "training", "block1.0"])
def test_a_layer_that_is_not_there(classifier, layer):
    with pytest.raises(ConfigError, match=r"block1, .*out_fc") as error:
        layer_features(classifier, IMAGES, layer)
    assert "\n" not in str(error.value)


def test_some_images_of_several_batches(classifier):
    whole = layer_features(classifier, IMAGES, "block7")
    with captured_features(classifier.net, "block7", {1, 4}) as rows:
        for part in (IMAGES[:2], IMAGES[2:4], IMAGES[4:]):
            classifier.scores_of_inputs(part)
    assert [len(row) for row in rows] == [1, 1]
    np.testing.assert_allclose(np.concatenate(rows), whole[[1, 4]], rtol=1e-5, atol=1e-6)
    classifier.scores_of_inputs(IMAGES)
    assert len(rows) == 2  # nothing is kept after the block
