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

// Losses are float64, the table of a run int64, everything else float32.
MXReturnValue run_types(const Attributes& attributes, std::vector<int>* in, std::vector<int>* out) {
  all_float32(attributes, in, out);
  out->front() = kFloat64;
  (*in)[2] = kInt64;
  return MX_SUCCESS;
}

// A run: sequences out of x (N, D) and targets (M,), or (N, K) for sigmoid outputs. A row of the table
// holds a sequence's first frame, frames, first target, targets, and its noise's key and presentation.
struct Sequence {
  std::int64_t first, frames, first_target, targets;
  std::uint32_t key[2], presentation[2];
};

template <bool Training>
MXReturnValue run_shape(const Attributes& attributes, Shapes* in, Shapes* out) {
  return guarded([&] {
    with_variant(attribute(attributes, "switches"), [&](auto variant) {
      const NetworkShape shape = network_shape(attributes);
      const unsigned size = unsigned(NetworkLayout<decltype(variant)>(shape).size);
      const auto rows = [&](int k) { return (*in)[k].empty() ? 0 : (*in)[k][0]; };
      expect("x", (*in)[0], {rows(0), unsigned(shape.inputs)});
      if (shape.loss == Loss::bernoulli) expect("the targets", (*in)[1], {rows(1), unsigned(shape.outputs)});
      else expect("the targets", (*in)[1], {rows(1)});
      expect("the table", (*in)[2], {rows(2), unsigned(sizeof(Sequence) / sizeof(std::int64_t))});
      expect("the parameters", (*in)[3], {size});
      if (Training) {
        expect("the velocity", (*in)[4], {size});
        expect("the update rule", (*in)[5], {5});
      } else {
        expect("the outputs", (*in)[4], {rows(4), unsigned(shape.outputs)});
      }
      (*out)[0] = {rows(2)};
    });
  });
}

// Calls f(number, sequence, its x, its targets) for every row of the table, while f returns true.
template <class F>
void each_sequence(const NetworkShape& shape, Tensors& in, F f) {
  const Sequence* table = reinterpret_cast<const Sequence*>(in[2].data<std::int64_t>());
  const int width = shape.loss == Loss::bernoulli ? shape.outputs : 1;
  for (std::int64_t k = 0; k < in[2].shape[0]; ++k) {
    const Sequence& now = table[k];
    if (now.first < 0 || now.frames < 1 || now.first + now.frames > in[0].shape[0] ||
        now.first_target < 0 || now.targets < 0 || now.first_target + now.targets > in[1].shape[0] ||
        (shape.loss != Loss::ctc && now.targets != now.frames))
      throw std::invalid_argument("row " + std::to_string(k) + " of the table must name frames of x and as "
                                  "many targets");
    if (!f(k, now, in[0].data<float>() + now.first * shape.inputs,
           in[1].data<float>() + now.first_target * width))
      return;
  }
}

// in: x, targets, table, parameters, velocity (both changed), [step, momentum, nesterov, clip, std of
// the noise]; out: losses. The first that is not finite ends the run; those behind it are NaN.
MXReturnValue train(const Attributes& attributes, Tensors* in, Tensors* out, const OpResource&) {
  return guarded([&] {
    with_variant(attribute(attributes, "switches"), [&](auto variant) {
      const NetworkShape shape = network_shape(attributes);
      Network<decltype(variant)> network(shape, scratch());
      Tensors& t = *in;
      const float* rule = t[5].data<float>();
      double* losses = (*out)[0].data<double>();
      std::fill_n(losses, t[2].shape[0], std::numeric_limits<double>::quiet_NaN());
      each_sequence(shape, t, [&](std::int64_t k, const Sequence& now, const float* x, const float* y) {
        const Noise noise{rule[4], {now.key[0], now.key[1]}, {now.presentation[0], now.presentation[1]}};
        losses[k] = network.step(x, int(now.frames), y, int(now.targets), noise, t[3].data<float>(),
                                 t[4].data<float>(), {rule[0], rule[1], rule[2] != 0, rule[3] != 0});
        return std::isfinite(losses[k]);
      });
    });
  });
}

// in: x, targets, table, parameters, output activations (changed) of one sequence after the other; out:
// losses.
MXReturnValue evaluate(const Attributes& attributes, Tensors* in, Tensors* out, const OpResource&) {
  return guarded([&] {
    with_variant(attribute(attributes, "switches"), [&](auto variant) {
      const NetworkShape shape = network_shape(attributes);
      Network<decltype(variant)> network(shape, scratch());
      Tensors& t = *in;
      float* outputs = t[4].data<float>();
      std::int64_t room = t[4].shape[0];
      each_sequence(shape, t, [&](std::int64_t k, const Sequence& now, const float* x, const float* y) {
        if ((room -= now.frames) < 0)
          throw std::invalid_argument("the outputs must have a row for every frame of the run");
        (*out)[0].data<double>()[k] = network.evaluate(x, int(now.frames), y, int(now.targets),
                                                       t[3].data<float>(), outputs);
        outputs += now.frames * shape.outputs;
        return true;
      });
    });
  });
}

template <int Inputs, int Outputs>
MXReturnValue count(const Attributes&, int* inputs, int* outputs) {
  *inputs = Inputs, *outputs = Outputs;
  return MX_SUCCESS;
}

template <int... Changed>
MXReturnValue mutates(const Attributes&, std::vector<int>* inputs) {
  *inputs = {Changed...};
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
const auto& kTrain = operation(ODYSSEY_NAME("train"))
                         .setForward(train, "cpu")
                         .setBackward(no_gradient, "cpu")
                         .setParseAttrs(count<6, 1>)
                         .setInferType(run_types)
                         .setInferShape(run_shape<true>)
                         .setMutateInputs(mutates<3, 4>);
const auto& kEvaluate = operation(ODYSSEY_NAME("evaluate"))
                            .setForward(evaluate, "cpu")
                            .setBackward(no_gradient, "cpu")
                            .setParseAttrs(count<5, 1>)
                            .setInferType(run_types)
                            .setInferShape(run_shape<false>)
                            .setMutateInputs(mutates<4>);

}  // namespace
}  // namespace odyssey

mxnet::ext::MXReturnValue initialize(int) { return mxnet::ext::MX_SUCCESS; }
