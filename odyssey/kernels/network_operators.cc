// The operators of a whole network: parameters in and out, a training step, an evaluation.
#include "network.h"
#include "operators.h"

namespace odyssey {

namespace {

NetworkShape network_shape(const Attributes& attributes) {
  return {attribute(attributes, "inputs"), attribute(attributes, "hidden"),
          attribute(attributes, "outputs"), attribute(attributes, "directions"),
          Loss(attribute(attributes, "loss"))};
}

// Canonical shapes of all parameters, array after array of NetworkLayout::each.
template <class V>
Shapes network_shapes(const NetworkShape& shape) {
  Shapes shapes;
  for (int d = 0; d < shape.directions; ++d)
    layer_shapes<V>(shape.inputs, shape.hidden, shapes);
  shapes.push_back({unsigned(shape.outputs), unsigned(shape.directions * shape.hidden)});
  shapes.push_back({unsigned(shape.outputs)});
  return shapes;
}

MXReturnValue pack(const Attributes& attributes, Tensors* in, Tensors* out, const OpResource&) {
  return guarded([&] {
    with_variant(attribute(attributes, "switches"), [&](auto variant) {
      using V = decltype(variant);
      const NetworkLayout<V> layout(network_shape(attributes));
      float* flat = (*out)[0].data<float>();
      std::fill_n(flat, layout.size, 0.0f);
      layout.each([&](int array, std::size_t from, std::size_t to) {
        flat[to] = (*in)[canonical<V>(array, layout.shape.directions)].template data<float>()[from];
      });
    });
  });
}

MXReturnValue unpack(const Attributes& attributes, Tensors* in, Tensors* out, const OpResource&) {
  return guarded([&] {
    with_variant(attribute(attributes, "switches"), [&](auto variant) {
      using V = decltype(variant);
      const NetworkLayout<V> layout(network_shape(attributes));
      const float* flat = (*in)[0].data<float>();
      layout.each([&](int array, std::size_t to, std::size_t from) {
        (*out)[canonical<V>(array, layout.shape.directions)].template data<float>()[to] = flat[from];
      });
    });
  });
}

template <class Pick>
auto count_arrays(Pick pick) {
  return [pick](const Attributes& attributes, int* inputs, int* outputs) {
    return guarded([&] {
      with_variant(attribute(attributes, "switches"), [&](auto variant) {
        pick(int(network_shapes<decltype(variant)>(network_shape(attributes)).size()), inputs, outputs);
      });
    });
  };
}

MXReturnValue pack_count(const Attributes& attributes, int* inputs, int* outputs) {
  return count_arrays([](int n, int* in, int* out) { *in = n, *out = 1; })(attributes, inputs, outputs);
}
MXReturnValue unpack_count(const Attributes& attributes, int* inputs, int* outputs) {
  return count_arrays([](int n, int* in, int* out) { *in = 1, *out = n; })(attributes, inputs, outputs);
}

MXReturnValue pack_shape(const Attributes& attributes, Shapes* in, Shapes* out) {
  return guarded([&] {
    with_variant(attribute(attributes, "switches"), [&](auto variant) {
      using V = decltype(variant);
      const NetworkShape shape = network_shape(attributes);
      const Shapes expected = network_shapes<V>(shape);
      for (std::size_t k = 0; k < expected.size(); ++k) expect("a parameter", (*in)[k], expected[k]);
      (*out)[0] = {unsigned(NetworkLayout<V>(shape).size)};
    });
  });
}

MXReturnValue unpack_shape(const Attributes& attributes, Shapes* in, Shapes* out) {
  return guarded([&] {
    with_variant(attribute(attributes, "switches"), [&](auto variant) {
      using V = decltype(variant);
      const NetworkShape shape = network_shape(attributes);
      expect("the parameters", (*in)[0], {unsigned(NetworkLayout<V>(shape).size)});
      *out = network_shapes<V>(shape);
    });
  });
}

MXReturnValue all_float32(const Attributes&, std::vector<int>* in, std::vector<int>* out) {
  std::fill(in->begin(), in->end(), int(kFloat32));
  std::fill(out->begin(), out->end(), int(kFloat32));
  return MX_SUCCESS;
}

MXReturnValue float64_first_output(const Attributes& attributes, std::vector<int>* in,
                                   std::vector<int>* out) {
  all_float32(attributes, in, out);
  out->front() = kFloat64;
  return MX_SUCCESS;
}

MXReturnValue step_types(const Attributes& attributes, std::vector<int>* in, std::vector<int>* out) {
  float64_first_output(attributes, in, out);
  in->back() = kInt32;
  return MX_SUCCESS;
}

// x (T, D) and the targets of the loss: (T,) labels, (U,) labels, or (T, K) numbers.
void expect_sequence(const NetworkShape& shape, const std::vector<unsigned>& x,
                     const std::vector<unsigned>& target) {
  const unsigned T = x.empty() ? 0 : x[0], K = shape.outputs;
  if (T == 0) throw std::invalid_argument("x must hold at least one frame, got " + written(x));
  expect("x", x, {T, unsigned(shape.inputs)});
  if (shape.loss == Loss::softmax) expect("the labels", target, {T});
  if (shape.loss == Loss::bernoulli) expect("the targets", target, {T, K});
  if (shape.loss == Loss::ctc && target.size() != 1)
    throw std::invalid_argument("the labels must have the shape (U,), got " + written(target));
}

template <bool Training>
MXReturnValue sequence_shape(const Attributes& attributes, Shapes* in, Shapes* out) {
  return guarded([&] {
    with_variant(attribute(attributes, "switches"), [&](auto variant) {
      const NetworkShape shape = network_shape(attributes);
      const unsigned size = unsigned(NetworkLayout<decltype(variant)>(shape).size);
      expect_sequence(shape, (*in)[0], (*in)[1]);
      for (std::size_t k = 2; k < (Training ? 4 : 3); ++k) expect("the parameters", (*in)[k], {size});
      if (Training) expect("the update rule", (*in)[4], {5});
      if (Training) expect("the noise's key and presentation", (*in)[5], {4});
      (*out)[0] = {1};
      if (!Training) (*out)[1] = {(*in)[0][0], unsigned(shape.outputs)};
    });
  });
}

// Labels, or frames; labels of CTC may be followed by −1, because no array is empty.
int label_count(MXTensor& target) {
  int count = int(target.shape[0]);
  while (target.shape.size() == 1 && count && target.data<float>()[count - 1] == -1) --count;
  return count;
}

// in: x, targets, parameters, velocity (both changed), [step, momentum, nesterov, clip, std of the
// noise], the words of the noise's key and presentation; out: loss.
MXReturnValue step(const Attributes& attributes, Tensors* in, Tensors* out, const OpResource&) {
  return guarded([&] {
    with_variant(attribute(attributes, "switches"), [&](auto variant) {
      Network<decltype(variant)> network(network_shape(attributes), scratch());
      Tensors& t = *in;
      const float* rule = t[4].data<float>();
      Noise noise{rule[4], {}, {}};
      std::copy_n(t[5].data<std::int32_t>(), 2, noise.key);
      std::copy_n(t[5].data<std::int32_t>() + 2, 2, noise.presentation);
      (*out)[0].data<double>()[0] = network.step(
          t[0].data<float>(), int(t[0].shape[0]), t[1].data<float>(), label_count(t[1]), noise,
          t[2].data<float>(), t[3].data<float>(), {rule[0], rule[1], rule[2] != 0, rule[3] != 0});
    });
  });
}

// in: x, targets, parameters; out: loss, output activations.
MXReturnValue evaluate(const Attributes& attributes, Tensors* in, Tensors* out, const OpResource&) {
  return guarded([&] {
    with_variant(attribute(attributes, "switches"), [&](auto variant) {
      Network<decltype(variant)> network(network_shape(attributes), scratch());
      Tensors& t = *in;
      (*out)[0].data<double>()[0] =
          network.evaluate(t[0].data<float>(), int(t[0].shape[0]), t[1].data<float>(),
                           label_count(t[1]), t[2].data<float>(), (*out)[1].data<float>());
    });
  });
}

template <int Inputs, int Outputs>
MXReturnValue count(const Attributes&, int* inputs, int* outputs) {
  *inputs = Inputs, *outputs = Outputs;
  return MX_SUCCESS;
}

MXReturnValue mutates_parameters(const Attributes&, std::vector<int>* inputs) {
  *inputs = {2, 3};
  return MX_SUCCESS;
}

// Neither has a gradient, but MXNet's cached calls ask for one of every operator.
MXReturnValue no_gradient(const Attributes&, Tensors*, Tensors*, const OpResource&) {
  return guarded([] { throw std::logic_error("a training step has no gradient of its own"); });
}

const auto& kPack = operation(ODYSSEY_NAME("pack"))
                        .setForward(pack, "cpu")
                        .setParseAttrs(pack_count)
                        .setInferType(all_float32)
                        .setInferShape(pack_shape);
const auto& kUnpack = operation(ODYSSEY_NAME("unpack"))
                          .setForward(unpack, "cpu")
                          .setParseAttrs(unpack_count)
                          .setInferType(all_float32)
                          .setInferShape(unpack_shape);
const auto& kStep = operation(ODYSSEY_NAME("step"))
                        .setForward(step, "cpu")
                        .setBackward(no_gradient, "cpu")
                        .setParseAttrs(count<6, 1>)
                        .setInferType(step_types)
                        .setInferShape(sequence_shape<true>)
                        .setMutateInputs(mutates_parameters);
const auto& kEvaluate = operation(ODYSSEY_NAME("evaluate"))
                            .setForward(evaluate, "cpu")
                            .setBackward(no_gradient, "cpu")
                            .setParseAttrs(count<3, 2>)
                            .setInferType(float64_first_output)
                            .setInferShape(sequence_shape<false>);

}  // namespace
}  // namespace odyssey

mxnet::ext::MXReturnValue initialize(int) { return mxnet::ext::MX_SUCCESS; }
