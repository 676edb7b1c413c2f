"""Changes of a net's stages, as the paper compares its net with and without a feature.

``model.changes`` names them. A new one is an entry of :data:`CHANGES`. This module does not load
Paddle.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from paddle_alexnet.nets.stages import (
    Conv,
    Norm,
    Pool,
    ReLU,
    ResponseNorm,
    Spec,
    Stages,
    Tanh,
)

Value = str | int


@dataclass(frozen=True)
class Change:
    """One key of ``model.changes``.

    Attributes:
        thing: What a net must have; named where it has not.
        has: Whether a layer is such a thing.
        values: For each value that the key may have, what becomes of a layer; None removes it.
    """

    thing: str
    has: Callable[[Spec], bool]
    values: Mapping[Value, Callable[[Spec], Spec | None]]


def _norm(spec: Spec) -> Spec | None:
    return None if isinstance(spec, ResponseNorm) else spec


def _overlaps(spec: Spec) -> bool:
    return isinstance(spec, Pool) and spec.size > spec.stride


def _pool_2(spec: Spec) -> Spec:
    """Section 3.4: s = 2, z = 2."""
    return replace(spec, size=2, stride=2) if _overlaps(spec) else spec


def _tanh(spec: Spec) -> Spec:
    return Tanh() if isinstance(spec, ReLU) else spec


def _has_towers(spec: Spec) -> bool:
    return (isinstance(spec, Conv) and spec.groups > 1) or (
        isinstance(spec, Norm) and spec.towers > 1
    )


def _one_tower(spec: Spec) -> Spec:
    if isinstance(spec, Conv):
        return replace(spec, groups=1)
    return replace(spec, towers=1) if isinstance(spec, Norm) else spec


def one_of_two(spec: Spec) -> Spec:
    """Of the two towers one: half of the kernels; the hidden units stay."""
    one = _one_tower(spec)
    return replace(one, channels=one.channels // 2) if isinstance(one, Conv) else one


CHANGES: dict[str, Change] = {
    "norm": Change("response norm", lambda spec: isinstance(spec, ResponseNorm), {"none": _norm}),
    "pool": Change("overlapping pooling", _overlaps, {2: _pool_2}),
    "activation": Change("ReLU", lambda spec: isinstance(spec, ReLU), {"tanh": _tanh}),
    # 1: one tower of all kernels, each of which sees all feature maps; half: one of half of them.
    "towers": Change("two towers", _has_towers, {1: _one_tower, "half": one_of_two}),
}


def apply_changes(stages: Stages, changes: Mapping[str, Value], name: str = "the net") -> Stages:
    """Change a net.

    Args:
        stages: The net without its head, at full width.
        changes: A value for each key of :data:`CHANGES` that is to change.
        name: The net's, for messages.

    Raises:
        ValueError: A key or value is not known, or the net has nothing that it would change.
    """
    for key, value in changes.items():
        if key not in CHANGES:
            raise ValueError(f"changes: unknown key {key!r:.100}; choose {', '.join(CHANGES)}")
        change = CHANGES[key]
        # True == 1, but no one who writes true means one tower.
        if type(value) not in (str, int) or value not in change.values:
            known = " or ".join(map(str, change.values))
            raise ValueError(f"changes.{key}: expected {known}, got {value!r:.100}")
        if not any(change.has(spec) for stage in stages for spec in stage):
            raise ValueError(f"changes.{key}: {name} has no {change.thing}")
        changed = (map(change.values[value], stage) for stage in stages)
        stages = tuple(tuple(spec for spec in stage if spec is not None) for stage in changed)
    return stages
