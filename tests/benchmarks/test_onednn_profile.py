"""oneDNN's account of a training step."""

import paddle
import pytest

from benchmarks.onednn_profile import Primitive, parse, profile_step, report

# Lines of oneDNN 3.6 from a step of alexnet_paper, the layouts shortened.
LOG = """something else
onednn_verbose,v1,info,cpu,runtime:OpenMP,nthr:2
onednn_verbose,v1,primitive,create:cache_hit,cpu,convolution,brg,forward_inference,src:f32,,alg,x,0.1
onednn_verbose,v1,primitive,exec,cpu,convolution,brg_conv_fwd:avx512_core,forward_inference,\
src:f32:a:blocked:acdb::f0 dst:f32,,alg:convolution_direct,\
g2mb32_ic96oc256_ih27oh27kh5sh1dh0ph2_iw27ow27kw5sw1dw0pw2,60.5
onednn_verbose,v1,primitive,exec,cpu,eltwise,ref:any,backward_data,data:f32 diff:f32,,\
alg:eltwise_relu alpha:0 beta:0,32x96x55x55,25.25
onednn_verbose,v1,primitive,exec,cpu,matmul,brg_matmul:avx512_core,undef,src:f32,,,\
1x32x9216:1x9216x4096,17.5
"""


def test_executed_primitives_are_read():
    conv, relu, product = parse(LOG.splitlines())
    assert conv == Primitive(
        "convolution",
        "brg_conv_fwd:avx512_core",
        "forward_inference",
        "g2mb32_ic96oc256_ih27oh27kh5sh1dh0ph2_iw27ow27kw5sw1dw0pw2",
        60.5,
    )
    assert (relu.kind, relu.kernel, relu.milliseconds) == ("eltwise", "ref:any", 25.25)
    assert product.problem == "1x32x9216:1x9216x4096"


def test_times_are_added_by_kind_and_by_layer():
    lines = report(parse(LOG.splitlines() * 2), "alexnet_paper")
    found = {line[:36].strip(): line[36:].split() for line in lines}
    assert found["convolution forward_inference"] == ["121.0", "2"]
    assert found["matmul"] == ["35.0", "2"]
    # 256 maps of 27 x 27; 96 of 55 x 55; 4,096 units.
    assert found["conv2"] == ["121.0", "2"]
    assert found["conv1"] == ["50.5", "2"]
    assert found["fc6, fc7"] == ["35.0", "2"]


@pytest.mark.skipif(
    not paddle.base.core.is_compiled_with_onednn(), reason="this Paddle comes without oneDNN"
)
def test_a_step_has_its_convolutions():
    """Five forward, five for weights, four for data; the norms' on top."""
    primitives = profile_step("alexnet_owt", 1)
    kinds = [p.what for p in primitives if p.kind == "convolution"]
    assert sum(what.startswith("forward") for what in kinds) == 5
    assert kinds.count("backward_weights") == 5
    assert kinds.count("backward_data") == 4
    # Layouts in which ReLU's gradient has no fast kernel: see paddle_alexnet/nets/layers.py.
    assert not [p for p in primitives if p.kind == "eltwise" and p.kernel.startswith("ref")]
