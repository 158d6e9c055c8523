"""From a decoder-only transformers model to OpenVINO's graph of it, float32."""

import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from generation.errors import NotConvertible
from retrieval.inference.quiet import keep_openvino_quiet

if TYPE_CHECKING:
    import openvino
    import torch

# The name under which our attention stands in transformers' table of attention functions.
ATTENTION = "assay-traced"

# Sizes of the example that is traced: all different, so that none is taken for another.
_BATCH, _NEW, _PAST = 2, 3, 5


class LayerShape(NamedTuple):
    """What the cache of a layer holds for each token."""

    heads: int
    key_size: int
    value_size: int
    window: int | None  # it sees only so many of the last tokens


def register_attention() -> None:
    """Make our attention known to transformers, as `ATTENTION`."""
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(ATTENTION, _attention)
    AttentionMaskInterface.register(ATTENTION, _mask_as_given)


def traced_model(model: Any, shapes: list[LayerShape]) -> "openvino.Model":  # noqa: ANN401
    """The graph of a model that was loaded with `ATTENTION`, with its cache as state.

    Inputs `input_ids` (batch, new), `attention_mask` (batch, past + new), `position_ids`
    (batch, new), `beam_idx` (batch,); output `logits` (batch, new, vocabulary), float32. Its
    constants share the memory of the model's weights: keep the model while the graph is used.

    Args:
        model: any of transformers' decoder-only models.
        shapes: what its layers keep.

    Raises:
        NotConvertible: it does what the tracer or OpenVINO cannot express.
    """
    example = _example(shapes)
    names = [
        f"{part}.{layer}.{kind}"
        for part in ("past_key_values", "present")
        for layer in range(len(shapes))
        for kind in ("key", "value")
    ]
    past, present = names[: len(names) // 2], names[len(names) // 2 :]
    graph = _graph(_traced(model, example), example)
    _name_ports(graph, shapes, past, present)
    _reorder_by_beam(graph, past)
    _keep_as_state(graph, dict(zip(past, present, strict=True)))
    return graph


def layer_shapes(model: Any) -> list[LayerShape]:  # noqa: ANN401
    """What the model keeps of each token, layer by layer, found by running it on two tokens.

    Raises:
        NotConvertible: it keeps something else than keys and values of all tokens.
    """
    import torch
    from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

    with torch.inference_mode():
        cache = model(input_ids=torch.ones(1, 2, dtype=torch.long), use_cache=True).past_key_values
    layers = getattr(cache, "layers", None)
    if not layers:
        raise NotConvertible("it keeps no keys and values between tokens")
    for layer in layers:
        if type(layer) not in (DynamicLayer, DynamicSlidingWindowLayer):
            raise NotConvertible(f"it keeps a {type(layer).__name__}, not keys and values")
    return [
        LayerShape(
            int(layer.keys.shape[1]),
            int(layer.keys.shape[3]),
            int(layer.values.shape[3]),
            getattr(layer, "sliding_window", None),
        )
        for layer in layers
    ]


def _attention(
    module: "torch.nn.Module",
    query: "torch.Tensor",
    key: "torch.Tensor",
    value: "torch.Tensor",
    attention_mask: "torch.Tensor | None",
    dropout: float = 0.0,
    scaling: float | None = None,
    **unsupported: Any,  # noqa: ANN401
) -> "tuple[torch.Tensor, None]":
    """Attention in the one form that OpenVINO turns into paged attention.

    Keys and values are repeated for grouped queries as transformers does, the mask is always
    there, and scaled_dot_product_attention does the rest.
    """
    import torch
    from transformers.integrations.sdpa_attention import repeat_kv

    for name in ("softcap", "position_bias", "s_aux"):
        if unsupported.get(name) is not None:
            raise NotConvertible(f"its attention uses {name}")
    groups = int(getattr(module, "num_key_value_groups", 1))
    output = torch.nn.functional.scaled_dot_product_attention(
        query,
        repeat_kv(key, groups),
        repeat_kv(value, groups),
        attn_mask=attention_mask,
        dropout_p=dropout,
        scale=scaling,
    )
    return output.transpose(1, 2).contiguous(), None


def _mask_as_given(
    *,
    q_length: int,
    kv_length: int,
    attention_mask: "torch.Tensor | None" = None,
    **_: Any,  # noqa: ANN401
) -> "torch.Tensor":
    """Only asked when a model is run without a mask of four dimensions: all is seen then."""
    import torch

    if attention_mask is not None:
        return attention_mask
    return torch.ones(1, 1, q_length, kv_length, dtype=torch.bool)


def _example(shapes: list[LayerShape]) -> "tuple[torch.Tensor, ...]":
    import torch

    generator = torch.Generator().manual_seed(0)
    past = [
        torch.randn(_BATCH, shape.heads, _PAST, size, generator=generator)
        for shape in shapes
        for size in (shape.key_size, shape.value_size)
    ]
    return (
        torch.ones(_BATCH, _NEW, dtype=torch.long),
        torch.ones(_BATCH, _PAST + _NEW, dtype=torch.long),
        torch.arange(_PAST, _PAST + _NEW).repeat(_BATCH, 1),
        *past,
    )


def _traced(model: Any, example: "tuple[torch.Tensor, ...]") -> Any:  # noqa: ANN401
    import torch
    from transformers.cache_utils import DynamicCache, DynamicLayer

    class Flat(torch.nn.Module):
        """The model as a function of tensors: the cache goes in and out as a list of them."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(
            self,
            input_ids: torch.Tensor,
            attention_mask: torch.Tensor,
            position_ids: torch.Tensor,
            *past: torch.Tensor,
        ) -> tuple[torch.Tensor, ...]:
            cache = DynamicCache()
            for keys, values in zip(past[::2], past[1::2], strict=True):
                layer = DynamicLayer()  # type: ignore[no-untyped-call]
                layer.lazy_initialization(keys, values)
                layer.keys, layer.values = keys, values
                cache.layers.append(layer)
            every = torch.arange(attention_mask.shape[1])
            new = every[-input_ids.shape[1] :]
            mask = (every[None, :] <= new[:, None])[None] & attention_mask[:, None, :].bool()
            output = self.model(
                input_ids=input_ids,
                attention_mask=mask[:, None],
                position_ids=position_ids,
                past_key_values=cache,
                use_cache=True,
            )
            kept = output.past_key_values.layers
            return (output.logits, *(t for layer in kept for t in (layer.keys, layer.values)))

    with torch.inference_mode(), warnings.catch_warnings():
        # The tracer warns of every size that it takes for constant and of its own age; whether the
        # graph is right is found out by comparing what it computes.
        warnings.simplefilter("ignore")
        try:
            return torch.jit.trace(  # type: ignore[no-untyped-call]
                Flat(), example, check_trace=False, strict=False
            )
        except (RuntimeError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise NotConvertible(f"it cannot be traced: {_first_line(error)}") from error


def _graph(traced: Any, example: "tuple[torch.Tensor, ...]") -> "openvino.Model":  # noqa: ANN401
    """Through the frontend itself: OpenVINO's `convert_model` around it would send telemetry."""
    keep_openvino_quiet()
    from openvino._offline_transformations import apply_moc_transformations
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    try:
        frontend = FrontEndManager().load_by_framework("pytorch")
        # The frontend keeps no reference of its own to what it reads from.
        decoder = TorchScriptPythonDecoder(traced, example_input=example)
        graph = frontend.convert(frontend.load(decoder))
    except RuntimeError as error:
        raise NotConvertible(f"OpenVINO cannot express it: {_first_line(error)}") from error
    apply_moc_transformations(graph, cf=False)
    return graph


def _name_ports(
    graph: "openvino.Model", shapes: list[LayerShape], past: list[str], present: list[str]
) -> None:
    import openvino

    names = ["input_ids", "attention_mask", "position_ids", *past]
    sizes = [size for shape in shapes for size in (shape.key_size, shape.value_size)]
    heads = [shape.heads for shape in shapes for _ in range(2)]
    wanted = [[-1, -1]] * 3 + [[-1, h, -1, size] for h, size in zip(heads, sizes, strict=True)]
    if len(graph.inputs) != len(names) or len(graph.outputs) != len(present) + 1:
        raise NotConvertible(
            f"its graph has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs, not "
            f"{len(names)} and {len(present) + 1}: it does not use all it is given"
        )
    for port, name, shape in zip(graph.inputs, names, wanted, strict=True):
        port.get_tensor().set_names({name})
        port.get_node().set_friendly_name(name)
        port.get_node().set_partial_shape(openvino.PartialShape(shape))
    for port, name in zip(graph.outputs, ["logits", *present], strict=True):
        port.get_tensor().set_names({name})
    graph.validate_nodes_and_infer_types()


def _reorder_by_beam(graph: "openvino.Model", past: list[str]) -> None:
    """Let `beam_idx` (batch,) say which row of the cache each row goes on from."""
    import numpy
    from openvino import opset13

    beam = opset13.parameter([-1], dtype=numpy.int32, name="beam_idx")
    beam.output(0).get_tensor().add_names({"beam_idx"})
    graph.add_parameters([beam])
    for name in past:
        port = graph.input(name)
        users = port.get_target_inputs()
        rows = opset13.gather(port, beam, opset13.constant(0, dtype=numpy.int64))
        for user in users:
            user.replace_source_output(rows.output(0))
    graph.validate_nodes_and_infer_types()


def _keep_as_state(graph: "openvino.Model", pairs: dict[str, str]) -> None:
    """Let the graph keep its cache, empty at first.

    Without an initial value OpenVINO does not recognise the attention as one that can be paged.
    """
    import numpy
    from openvino import opset13
    from openvino._offline_transformations import apply_make_stateful_transformation

    apply_make_stateful_transformation(graph, pairs)
    zero = opset13.constant(0, dtype=numpy.int64)
    batch = opset13.gather(
        opset13.shape_of(graph.input("input_ids"), output_type="i64"),
        opset13.constant([0], dtype=numpy.int64),
        zero,
    )
    for node in graph.get_ops():
        if node.get_type_name() == "ReadValue":
            shape = node.get_output_partial_shape(0)
            heads, size = shape[1].get_length(), shape[3].get_length()
            dimensions = opset13.concat(
                [
                    batch,
                    opset13.constant([heads], dtype=numpy.int64),
                    opset13.constant([0], dtype=numpy.int64),
                    opset13.constant([size], dtype=numpy.int64),
                ],
                axis=0,
            )
            empty = opset13.constant(0.0, dtype=node.get_output_element_type(0).to_dtype())
            node.set_arguments([opset13.broadcast(empty, dimensions)])
    graph.validate_nodes_and_infer_types()


def _first_line(error: Exception) -> str:
    """What a library's error says, without the place in its sources that comes first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = [
        line for line in lines if not line.startswith(("Check '", "Converting input", "Exception"))
    ]
    return (said or lines or [type(error).__name__])[0]
